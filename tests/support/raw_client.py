"""A client that shows a certificate of the mesh and does as it likes: what a broker refuses it is written down."""

# pyright: reportUnknownMemberType=false
# nats-py leaves parameters of these methods untyped

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Self

from nats.aio.client import Client
from nats.aio.msg import Msg

from crossply.wire.dial import Handshake


class RawClient:
    """One connection with a TLS context; ``name`` is what it calls itself, ``inbox`` where its replies go."""

    def __init__(self, url: str, context: ssl.SSLContext, *, name: str = "raw", inbox: str = "_INBOX") -> None:
        self._url = url
        self._context = context
        self._name = name
        self._inbox = inbox
        self._client: Client
        self._refused: list[str] = []

    @property
    def connected(self) -> bool:
        """Return whether it still is what it connected as."""
        return self._client.is_connected

    async def may_publish(self, subject: str) -> bool:
        """Say something, and return whether the broker took it."""
        return await self._taken(self._client.publish(subject, b"x"))

    async def may_subscribe(self, subject: str, queue: str = "") -> bool:
        """Ask for something, and return whether the broker gives it."""
        return await self._taken(self._client.subscribe(subject, queue, cb=_ignored))

    async def request(self, subject: str, payload: bytes = b"{}", timeout: float = 5.0) -> bytes:
        """Return the first answer."""
        return (await self._client.request(subject, payload, timeout=timeout)).data

    async def _taken(self, action: object) -> bool:
        self._refused.clear()
        await action  # type: ignore[misc]  # a coroutine of nats-py's, whatever it returns
        # Twice, as a pong may be the answer to a ping that nats-py sent before.
        await self._client.flush()
        await self._client.flush()
        return not self._refused

    async def _failed(self, error: Exception) -> None:
        self._refused.append(str(error))

    async def __aenter__(self) -> Self:
        client = Handshake(encrypted=True)
        try:
            await client.connect(
                self._url,
                tls=self._context,
                name=self._name,
                inbox_prefix=self._inbox.encode(),
                error_cb=self._failed,
                allow_reconnect=False,
                connect_timeout=5,
            )
            if not client.is_connected:
                raise ConnectionResetError("; ".join(self._refused) or "the broker closed the connection")  # noqa: TRY301 - what came of it is dropped in one place
        except BaseException:
            client.drop()
            raise
        self._client = client
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.close()


async def _ignored(message: Msg) -> None:
    del message
