"""The audit stream as a fake: batches in a list."""

from __future__ import annotations

from dataclasses import dataclass, field

from crossply.handler import Peer
from crossply.wire.auditing import AuditPlan, Kept
from crossply.wire.link import StoreUnavailable


@dataclass
class FakeAudit:
    """The audit stream: batches by their sequence, with who wrote each."""

    batches: list[tuple[Peer, bytes | None]] = field(default_factory=list)
    first: int = 1
    available: bool = True
    ensured: int = 0

    async def store(self, batch: bytes, batch_id: bytes) -> None:
        self.batches.append((Peer("orders", "a" * 12), batch))

    async def ensure(self, plan: AuditPlan) -> bool:
        self._reach()
        self.ensured += 1
        return self.ensured == 1

    async def bounds(self) -> tuple[int, int]:
        self._reach()
        return self.first, len(self.batches)

    async def read(self, sequence: int) -> Kept | None:
        return Kept(sequence, *self.batches[sequence - 1]) if sequence >= self.first else None

    def _reach(self) -> None:
        if not self.available:
            raise StoreUnavailable("no leader")
