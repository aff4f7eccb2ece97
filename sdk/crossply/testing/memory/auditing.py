"""The audit stream in memory: one for a broker, always there while that is up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.handler import Peer
from crossply.wire.auditing import AuditPlan, Kept
from crossply.wire.link import StoreUnavailable

if TYPE_CHECKING:
    from crossply.testing.memory.link import MemoryLink


class MemoryAudit:
    """The stream through a link; see ``crossply.wire.auditing.AuditStream``."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link
        self._audits = link.broker.audits

    async def store(self, batch: bytes, batch_id: bytes) -> None:
        """Keep a batch, once for its id."""
        self._reach()
        self._audits.setdefault(batch_id, (Peer(self._link.service, self._link.instance), batch))

    async def ensure(self, plan: AuditPlan) -> bool:  # noqa: ARG002 - it keeps everything
        """Do nothing: the stream is always there."""
        self._reach()
        return False

    async def bounds(self) -> tuple[int, int]:
        """Return the first and the last sequence."""
        self._reach()
        return 1, len(self._audits)

    async def read(self, sequence: int) -> Kept | None:
        """Return a batch."""
        self._reach()
        every = list(self._audits.values())
        return Kept(sequence, *every[sequence - 1]) if 0 < sequence <= len(every) else None

    def _reach(self) -> None:
        if not self._link.connected:
            raise StoreUnavailable("not connected to the broker")
