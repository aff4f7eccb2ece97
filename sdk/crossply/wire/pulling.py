"""Pulls: ask a durable consumer for as many events as there is room for, again and again."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from crossply.errors import PermissionDenied, Unavailable
from crossply.wire import headers, subjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply.wire.listening import Listening
    from crossply.wire.mux import Mux
    from crossply.wire.supervisor import Supervisor

_EXPIRES, _HEARTBEAT = 30.0, 5.0
_PAUSE = 0.5
_DENIED_PAUSE = 5.0
_RECENT = 1024
_EVENTS = f"{subjects.EVENTS}.".encode()
_ACKS = b"$JS.ACK."
_NANOSECONDS = 1_000_000_000
_IDLE, _NO_MESSAGES, _EXPIRED, _NO_CONSUMER = "100", "404", "408", "503"
_DENIED = "403"
"""Not a status of JetStream's: the broker did not let the pull pass."""


class Pulling:
    """One consumer's pulls; ``on_missing`` hears that there is no consumer yet.

    ``take(message, held)`` gets each event; ``held`` says that a place of ``room`` is taken for it. Events
    arrive under the subject they were stored at, not at the inbox that asked for them: hence a subscription
    of its own.
    """

    def __init__(  # noqa: PLR0913 - the parts of one consumption
        self,
        service: str,
        pattern: str,
        *,
        batch: int,
        room: asyncio.Semaphore,
        broker: Supervisor,
        mux: Mux,
        now: Clock,
        take: Callable[[Event, bool], None],
        on_missing: Callable[[], None],
    ) -> None:
        consumer = subjects.durable(service, pattern)
        self._ask = f"$JS.API.CONSUMER.MSG.NEXT.{subjects.stream(pattern.partition('.')[0])}.{consumer}".encode()
        self._inbox = mux.prefix + consumer.encode() + b"."
        self._pattern = pattern
        self._batch = batch
        self._room = room
        self._broker = broker
        self._mux = mux
        self._now = now
        self._take = take
        self._on_missing = on_missing
        self._listening: Listening | None = None
        self._token = b""
        self._left = 0
        self._status = ""
        self._sign = asyncio.Event()
        self._recent: dict[bytes, None] = {}

    def start(self) -> None:
        """Listen to what the pulls will bring."""
        self._listening = self._broker.listen(self._inbox + b"*", self._arrived)

    async def pull(self) -> None:
        """Pull once, when there is a connection and room; pause after what only time can mend."""
        await self._broker.connection()
        status = await self._pull()
        if status in {_NO_CONSUMER, _NO_MESSAGES}:
            self._on_missing()
        if status not in {"", _EXPIRED}:
            await asyncio.sleep(_DENIED_PAUSE if status == _DENIED else _PAUSE)

    async def aclose(self) -> None:
        """Make the broker forget the last pull; by then, what it still brought has gone to ``take``."""
        if self._listening is not None:
            listening, self._listening = self._listening, None
            await listening.aclose()

    async def _pull(self) -> str:
        """Pull as many as there is room for; return the status that ended it, empty for full or lost."""
        await self._room.acquire()
        room = 1
        while room < self._batch and not self._room.locked():
            await self._room.acquire()
            room += 1
        # An attempt like any other, so that it fails at once with the connection.
        self._token, attempt = self._mux.open(self._ask.decode(), None, self._now(), math.inf)
        self._left, self._status = room, ""
        attempt.reply.add_done_callback(lambda _: self._sign.set())
        try:
            self._broker.send(self._ask, _request(room), self._inbox + self._token)
            while self._left and not self._status and not attempt.reply.done():
                self._sign.clear()
                async with asyncio.timeout(_HEARTBEAT * 2.5):
                    await self._sign.wait()
        except (TimeoutError, Unavailable):
            return ""
        finally:
            self._mux.close(self._token, attempt)
            denied = attempt.reply.done() and isinstance(attempt.reply.exception(), PermissionDenied)
            left, self._left = self._left, 0
            for _ in range(left):
                self._room.release()
        return _DENIED if denied else self._status

    def _arrived(self, subject: bytes, reply: bytes, data: bytes, block: bytes) -> None:
        if subject.startswith(_EVENTS):
            if not reply.startswith(_ACKS):
                return  # no consumer delivers so, and its verdict would go wherever somebody at the broker likes
            if reply in self._recent:
                return  # it came over both connections of a hand-over
            self._recent[reply] = None
            if len(self._recent) > _RECENT:
                del self._recent[next(iter(self._recent))]
            # One that comes when its pull has ended already counts as delivered, so it is taken all the same.
            held = self._left > 0
            self._left -= held
            self._take(Event(subject.decode(errors="replace"), reply.decode(errors="replace"), data), held)
        elif subject == self._inbox + self._token:
            status = headers.status(block)
            self._status = "" if status == _IDLE else status
        self._sign.set()


class Event(NamedTuple):
    """One delivery: the subject it was stored under, where its ack goes, its payload."""

    subject: str
    reply: str
    data: bytes


def _request(room: int) -> bytes:
    return msgspec.json.encode(
        {
            "batch": room,
            "expires": round(_EXPIRES * _NANOSECONDS),
            "idle_heartbeat": round(_HEARTBEAT * _NANOSECONDS),
        }
    )
