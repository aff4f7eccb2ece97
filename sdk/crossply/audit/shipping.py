"""From where decisions are told to the audit stream: beside the work, and later when the stream is away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply.audit.entry import MOST_ENTRIES, Batch, encode
from crossply.audit.spool import FileSpool, MemorySpool, Spool
from crossply.names import new_id
from crossply.telemetry.logs import get_logger
from crossply.wire.link import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.audit.audit import Audit
    from crossply.config import MeshConfig
    from crossply.tasks import Tasks
    from crossply.wire.auditing import AuditStream

_EVERY: Final = 1.0
_LONGEST: Final = 30.0
_LAST: Final = 1.0
_FILE: Final = "audit"


class Shipping:
    """Once a second takes what was told and stores it; what cannot be stored is spooled, and goes first later on."""

    def __init__(
        self,
        audit: Audit,
        spool: Spool,
        store: Callable[[bytes, bytes], Awaitable[None]],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """``store(batch, id)`` raises ``StoreUnavailable``."""
        self._audit = audit
        self._spool = spool
        self._store = store
        self._pause = pause
        self._wait = _EVERY
        self._told = 0
        self._log = get_logger("audit")

    async def step(self) -> None:
        """Wait, then ship; longer after each failure."""
        await self._pause(self._wait)
        self._wait = _EVERY if await self.ship() else min(2 * self._wait, _LONGEST)

    async def ship(self) -> bool:
        """Store what is spooled, then what was told since; return whether all of it was."""
        try:
            while (kept := self._spool.first()) is not None:
                await self._store(kept[1], kept[0])
                self._spool.drop()
        except StoreUnavailable as why:
            self._spool_all(why)
            return False
        while (batch := self._next()) is not None:
            raw, batch_id = encode(batch), new_id()
            try:
                await self._store(raw, batch_id)
            except StoreUnavailable as why:
                self._keep(batch_id, raw, batch)
                self._spool_all(why)
                return False
            except asyncio.CancelledError:
                self._keep(batch_id, raw, batch)
                raise
        return True

    async def aclose(self) -> None:
        """Ship what is left, within a second; what is not shipped by then stays in the spool."""
        try:
            async with asyncio.timeout(_LAST):
                await self.ship()
        except TimeoutError as late:
            self._spool_all(late)
        finally:
            self._spool.close()

    def _next(self) -> Batch | None:
        """Return the next batch; it tells how many were dropped since the one before."""
        entries = self._audit.take(MOST_ENTRIES)
        dropped = self._audit.dropped - self._told
        if not entries and not dropped:
            return None
        self._told += dropped
        return Batch(entries=entries, dropped=dropped)

    def _spool_all(self, why: Exception) -> None:
        """Make room for what is told next: the spool has more of it."""
        if self._wait == _EVERY:
            self._log.warning("audit_stream_away", why=str(why) or type(why).__name__)
        while (batch := self._next()) is not None:
            if not self._keep(new_id(), encode(batch), batch):
                return

    def _keep(self, batch_id: bytes, raw: bytes, batch: Batch) -> bool:
        kept = self._spool.add(batch_id, raw)
        if not kept:
            # What it said of others that were dropped is to be said again.
            self._told -= batch.dropped
            self._audit.dropped += len(batch.entries)
        return kept


def spool_of(config: MeshConfig, service: str) -> Spool:
    """Return where a process spools: in its state where it has one that no other process of the service uses."""
    kept = None if config.state is None else FileSpool.at(config.state / f"{service}.{_FILE}")
    return kept or MemorySpool()


def shipping(audit: Audit, config: MeshConfig, service: str, stream: AuditStream, tasks: Tasks) -> Shipping:
    """Begin to ship what a process decides; return what is to be closed after the tasks."""
    made = Shipping(audit, spool_of(config, service), stream.store)
    tasks.for_ever(made.step, "audit")
    return made
