"""The store of kept replies as a member has it: what lies there is sealed to the service, and read only if it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.seal.faults import SealFault
from crossply.seal.kept import Keeper
from crossply.wire.link import Entry, StoreUnavailable

if TYPE_CHECKING:
    from crossply.wire.link import Store
    from crossply.wire.sealed.sealing import Sealing


class SealedStore:
    """A store whose values are sealed, as the service's ``Security`` says; to others they are unreadable, as is theirs.

    A value that cannot be believed counts as a store that does not answer: nothing runs, and nobody is told a lie.
    """

    def __init__(self, store: Store, sealing: Sealing) -> None:
        self._store = store
        self._sealing = sealing
        self._keeper = Keeper(sealing.keys.ring, sealing.keys.lineage, clock=sealing.clock)

    async def get(self, key: str, *, leader: bool = False) -> Entry | None:
        """Return the newest value, opened."""
        entry = await self._store.get(key, leader=leader)
        return None if entry is None else Entry(self._opened(key, entry.value), entry.revision)

    async def create(self, key: str, value: bytes) -> int:
        """Write a key that must not exist."""
        return await self._store.create(key, self._sealed(key, value))

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Write a key that must be at ``revision``."""
        return await self._store.update(key, self._sealed(key, value), revision)

    def _sealed(self, key: str, value: bytes) -> bytes:
        said = self._sealing.encryption
        if said == "off":
            return value
        try:
            return self._keeper.seal(key, value)
        except SealFault as fault:
            if said == "strict":
                raise StoreUnavailable(str(fault)) from fault
            return value

    def _opened(self, key: str, value: bytes) -> bytes:
        if self._sealing.encryption != "strict" and not self._keeper.sealed(value):
            return value
        try:
            return self._keeper.open(key, value)
        except SealFault as fault:
            raise StoreUnavailable(str(fault)) from fault
