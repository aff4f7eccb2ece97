"""The registry's side of the policy feed: announce, repeat the head, follow other replicas."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply.control.record import RecordFault, open_announcement, verify_head
from crossply.telemetry.logs import get_logger
from crossply.wire.link import ConnectionEvent, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.control.record import VerifyKey
    from crossply.tasks import Tasks
    from crossply.wire.link import Closable, Link
    from crossply_registry.revisions.log import RevisionLog

_REPEAT: Final = 2.0
_READ_AGAIN: Final = 10.0
_log = get_logger("registry.feed")


class Feed:
    """Says every 2 s where the head is, and reads the store when another replica, or the broker, moved on."""

    def __init__(self, link: Link, key: VerifyKey, tasks: Tasks) -> None:
        self._link = link
        self._key = key
        self._tasks = tasks
        self._moved = asyncio.Event()
        self._watch: Closable | None = None
        self._known: Callable[[], tuple[int, int]] = lambda: (0, 0)

    async def announce(self, message: bytes) -> None:
        """Publish; a failure is logged, as the repeated head says the same within 2 s."""
        try:
            await self._link.announce_head(message)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next repetition is tried all the same
            _log.info("announcement_not_sent", reason=str(error) or repr(error))

    async def start(self, revisions: RevisionLog) -> None:
        """Listen to the other replicas and begin to repeat the head of ``revisions``."""
        self._known = lambda: revisions.contents.place
        self._watch = await self._link.watch_head(self.heard)
        self._link.on_event(self.connection)
        self._tasks.spawn(self._repeat(revisions), "repeat the head")
        self._tasks.spawn(self._follow(revisions), "follow the head")

    async def aclose(self) -> None:
        """Stop listening; the tasks end with their owner."""
        if self._watch is not None:
            await self._watch.aclose()

    @property
    def behind(self) -> bool:
        """Whether something was heard that has not been read yet."""
        return self._moved.is_set()

    def heard(self, raw: bytes) -> None:
        """Take note of a head that is newer than what is known, if the registry's key signed it."""
        try:
            head = open_announcement(raw).head
            if (head.generation, head.revision) <= self._known():
                return
            verify_head(head, self._key)
        except RecordFault as fault:
            _log.warning("announcement_refused", reason=str(fault))
            return
        self._moved.set()

    def connection(self, event: ConnectionEvent) -> None:
        """Read again after a time without the broker."""
        if event is ConnectionEvent.RECONNECTED:
            self._moved.set()

    async def _repeat(self, revisions: RevisionLog) -> None:
        while True:
            if self._link.connected:
                await self.announce(revisions.beat())
            await asyncio.sleep(_REPEAT)

    async def _follow(self, revisions: RevisionLog) -> None:
        while True:
            try:
                async with asyncio.timeout(_READ_AGAIN):
                    await self._moved.wait()
            except TimeoutError:
                pass
            self._moved.clear()
            await self.read(revisions)

    async def read(self, revisions: RevisionLog) -> None:
        """Follow the store once; what it cannot tell now is asked again later."""
        before = revisions.contents.place
        try:
            contents = await revisions.refresh()
        except StoreUnavailable as error:
            _log.info("store_not_read", reason=str(error))
        except RecordFault as fault:
            _log.error("history_refused", reason=str(fault))
        except Exception as error:  # noqa: BLE001 - one strange answer must not end the following
            _log.error("store_read_failed", reason=repr(error))
        else:
            if contents.place != before:
                _log.info("revision_followed", generation=contents.generation, revision=contents.revision)
