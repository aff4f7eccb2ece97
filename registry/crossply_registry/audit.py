"""The audit stream at the registry: it makes the stream, and reads what data planes wrote there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from crossply.audit.entry import Batch, Entry, decode
from crossply.telemetry.logs import get_logger
from crossply.wire.auditing import AuditPlan
from crossply.wire.link import ConnectionEvent, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from crossply.handler import Peer
    from crossply.tasks import Tasks
    from crossply.wire.auditing import AuditStream, Kept

MOST_READ: Final = 500
"""Batches that one question reads, at most."""
_AT_A_TIME: Final = 16
_PAUSE: Final = 2.0
_log = get_logger("registry.audit")


@dataclass(frozen=True, slots=True)
class Told:
    """An entry, who wrote it, and in which batch."""

    sequence: int
    teller: Peer
    entry: Entry


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, the oldest first; ``after`` is the last batch that was read, ``dropped`` what its tellers lost before.

    ``unread`` counts batches that could not be read, ``more`` says that older or newer ones were left.
    """

    entries: tuple[Told, ...]
    after: int
    dropped: int = 0
    unread: int = 0
    more: bool = False


class AuditLog:
    """Owns the task that sees to the stream; reading needs none."""

    def __init__(
        self,
        stream: AuditStream,
        replicas: int,
        tasks: Tasks,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._stream = stream
        self._plan = AuditPlan(replicas=replicas)
        self._tasks = tasks
        self._pause = pause

    def start(self) -> None:
        """See to it that there is a stream."""
        self._tasks.spawn(self.provide(), "audit stream")

    def connection(self, event: ConnectionEvent) -> None:
        """See to it again: the broker that came back may have lost it."""
        if event is ConnectionEvent.RECONNECTED:
            self.start()

    async def provide(self) -> None:
        """Create the stream unless it is there; try until that is known."""
        said = False
        while True:
            try:
                if await self._stream.ensure(self._plan):
                    _log.info("provisioned", plan="audit")
                return
            except StoreUnavailable as error:
                if not said:
                    _log.warning("provision_failed", plan="audit", reason=str(error))
                said = True
            await self._pause(_PAUSE)

    async def last(self, number: int, wanted: Callable[[Entry], bool]) -> Page:
        """Return the newest entries that are wanted; raise ``StoreUnavailable``."""
        first, newest = await self._stream.bounds()
        found: list[Told] = []
        dropped, unread, at = 0, 0, newest
        lowest = max(first, newest - MOST_READ + 1)
        while at >= lowest and len(found) < number:
            upto = max(lowest, at - _AT_A_TIME + 1)
            batches = await self._read(range(upto, at + 1))
            for kept in reversed(batches):
                batch = _opened(kept)
                unread += batch is None
                dropped += 0 if batch is None else batch.dropped
                found = [*_told(kept, batch, wanted), *found]
            at = upto - 1
        return Page(tuple(found[-number:]), newest, dropped, unread, more=len(found) > number or at >= first)

    async def since(self, after: int, number: int, wanted: Callable[[Entry], bool]) -> Page:
        """Return the entries of the batches after one, whole batches until there are that many; as ``last``."""
        first, newest = await self._stream.bounds()
        found: list[Told] = []
        dropped, unread, at = 0, 0, max(after, first - 1)
        highest = min(newest, at + MOST_READ)
        while at < highest and len(found) < number:
            upto = min(highest, at + _AT_A_TIME)
            for kept in await self._read(range(at + 1, upto + 1)):
                batch = _opened(kept)
                unread += batch is None
                dropped += 0 if batch is None else batch.dropped
                found += _told(kept, batch, wanted)
            at = upto
        return Page(tuple(found), max(at, after), dropped, unread, more=at < newest)

    async def _read(self, sequences: Iterable[int]) -> list[Kept]:
        found = await asyncio.gather(*(self._stream.read(each) for each in sequences))
        return [each for each in found if each is not None]


def _opened(kept: Kept) -> Batch | None:
    try:
        return None if kept.body is None else decode(kept.body)
    except msgspec.DecodeError:
        return None


def _told(kept: Kept, batch: Batch | None, wanted: Callable[[Entry], bool]) -> list[Told]:
    entries = () if batch is None else batch.entries
    return [Told(kept.sequence, kept.teller, each) for each in entries if wanted(each)]
