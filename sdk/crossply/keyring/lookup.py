"""Credentials read by their ids: what a message names and does not carry, one question for many messages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.seal.faults import SealFault
from crossply.telemetry.logs import get_logger
from crossply.wire.credential import cid as id_of
from crossply.wire.link import StoreUnavailable

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.seal.credentials import Credentials, Member
    from crossply.tasks import Tasks
    from crossply.wire.link import Store

AT_ONCE = 16
ABSENT_FOR = 1.0
_ABSENT = 1024


class CredentialLookup:
    """Reads ``cred.<cid>`` on demand; bounded, as whoever sends a message chooses the id.

    ``Credentials`` keeps what was found. What was not is not asked for again for ``ABSENT_FOR`` seconds, and beyond
    ``AT_ONCE`` questions at a time the next one finds nothing.
    """

    def __init__(self, store: Store, credentials: Credentials, now: Clock, tasks: Tasks) -> None:
        self._store = store
        self._credentials = credentials
        self._now = now
        self._tasks = tasks
        self._reading: dict[bytes, asyncio.Task[None]] = {}
        self._absent: dict[bytes, float] = {}
        self._log = get_logger("keys")

    async def find(self, cid: bytes) -> tuple[Member, ...]:
        """Return who has a credential of that id: one, none, or (ids being 64 bits) several."""
        found = self._credentials.with_id(cid)
        if found or self._absent.get(cid, 0.0) > self._now():
            return found
        reading = self._reading.get(cid)
        if reading is None:
            if len(self._reading) >= AT_ONCE:
                return ()
            reading = self._reading[cid] = self._tasks.spawn(self._read(cid), "credential")
            reading.add_done_callback(lambda _done: self._reading.pop(cid, None))
        await asyncio.shield(reading)
        return self._credentials.with_id(cid)

    async def _read(self, cid: bytes) -> None:
        try:
            entry = await self._store.get(place(cid))
            if entry is not None and id_of(entry.value) == cid:
                self._credentials.learn(entry.value)
                return
        except (SealFault, StoreUnavailable) as error:
            self._log.debug("credential_not_read", cid=cid.hex(), why=str(error))
        if len(self._absent) >= _ABSENT:
            self._absent.clear()
        self._absent[cid] = self._now() + ABSENT_FOR


def place(cid: bytes) -> str:
    """Return where the credential of an id lies in the bucket of credentials."""
    return f"cred.{cid.hex()}"


def public_keys(service: str) -> str:
    """Return where the public keys of a service lie in the tenant's bucket."""
    return f"keys.{service}"
