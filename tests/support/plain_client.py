"""A NATS client that knows nothing of the mesh: what `nats req` and other languages' clients do."""

# pyright: reportUnknownMemberType=false
# nats-py leaves parameters of these methods untyped

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec
import nats
from nats.aio.client import Client
from nats.aio.msg import Msg


@dataclass(frozen=True, slots=True)
class Answer:
    """One reply: payload and headers."""

    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def json(self) -> Any:
        """The payload, decoded."""
        return msgspec.json.decode(self.data)

    @property
    def error(self) -> tuple[str, str] | None:
        """Code and text of the headers by which NATS micro tells errors."""
        if "Nats-Service-Error-Code" not in self.headers:
            return None
        return self.headers["Nats-Service-Error-Code"], self.headers["Nats-Service-Error"]


class PlainClient:
    """Requests and publishes as any NATS client does."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client: Client

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: dict[str, str] | None = None,
        timeout: float = 5.0,
    ) -> Answer:
        """Send a request and return its first reply; raise nats-py's own errors."""
        return _answer(await self._client.request(subject, payload, timeout=timeout, headers=headers))

    async def request_many(self, subject: str, payload: bytes = b"", *, stall: float = 0.3) -> list[Answer]:
        """Send a request and return all replies until none came for ``stall`` seconds."""
        inbox = self._client.new_inbox()
        arrived: asyncio.Queue[Msg] = asyncio.Queue()
        subscription = await self._client.subscribe(inbox, cb=arrived.put)
        await self._client.publish(subject, payload, reply=inbox)
        answers: list[Answer] = []
        while True:
            try:
                answers.append(_answer(await asyncio.wait_for(arrived.get(), stall)))
            except TimeoutError:
                await subscription.unsubscribe()
                return answers

    async def publish(
        self, subject: str, payload: bytes = b"", *, reply: str = "", headers: dict[str, str] | None = None
    ) -> None:
        """Publish to any subject, with any reply subject."""
        await self._client.publish(subject, payload, reply=reply, headers=headers)

    async def tap(self, subject: str) -> list[bytes]:
        """Return a list that grows with the payload of every message to a subject from now on."""
        seen: list[bytes] = []

        async def take(msg: Msg) -> None:
            seen.append(msg.data)

        await self._client.subscribe(subject, cb=take)
        await self._client.flush()
        return seen

    async def flush(self) -> None:
        """Return when the broker has taken everything."""
        await self._client.flush()

    async def stored(self, stream: str) -> list[bytes]:
        """Return the payloads a JetStream stream holds, in order."""
        jetstream = self._client.jetstream()
        info = await jetstream.stream_info(stream)
        found: list[bytes] = []
        for sequence in range(info.state.first_seq, info.state.last_seq + 1):
            message = await jetstream.get_msg(stream, sequence)
            found.append(message.data or b"")
        return found

    async def __aenter__(self) -> Self:
        self._client = await nats.connect(self._url)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()


def _answer(message: Msg) -> Answer:
    return Answer(message.data, {str(name): value for name, value in (message.headers or {}).items()})
