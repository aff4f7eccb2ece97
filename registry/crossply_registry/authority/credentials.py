"""Credentials in the store by their ids, for whoever gets a message that names one and does not carry it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.wire import credential
from crossply.wire.link import Conflict, StoreUnavailable
from crossply.wire.sealed.lookup import place

if TYPE_CHECKING:
    from crossply.wire.link import Store


class IssuedCredentials:
    """Each lies there for as long as an event that it signed may be kept, and is never replaced."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, raw: bytes) -> None:
        """Write a credential before it is handed out; raise ``StoreUnavailable``."""
        key = place(credential.cid(raw))
        try:
            await self._store.create(key, raw)
        except Conflict as conflict:
            held = await self._store.get(key, leader=True)
            if held is None or held.value != raw:
                raise StoreUnavailable(f"{key} is another credential's id already; try again") from conflict
