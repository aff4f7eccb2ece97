"""Credentials read by their ids, where a message names one that is not known here; bounded, as anybody names ids."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply.seal.faults import SealFault
from crossply.seal.pace import Pace
from crossply.telemetry.logs import get_logger
from crossply.wire.credential import cid as id_of
from crossply.wire.link import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply.seal.credentials import Credentials, Member
    from crossply.tasks import Tasks
    from crossply.wire.link import Store

AT_ONCE: Final = 16
"""Questions under way at a time."""
RATE: Final = 64
"""Questions a second, and after a pause as many at once: an honest sender is asked about once."""
ABSENT_FOR: Final = 1.0
ASIDE: Final = 64
ASIDE_BYTES: Final = 4 << 20
"""How many messages wait for an answer, and what they take at most."""
_ABSENT: Final = 1024
_EVERYBODY: Final = b""
_MILLISECONDS: Final = 1000


class CredentialLookup:
    """Reads ``cred.<cid>`` on demand.

    ``Credentials`` keeps what was found. What was not is not asked for again for ``ABSENT_FOR`` seconds, there is one
    question for each id, and beyond ``AT_ONCE`` at a time or ``RATE`` a second nothing is asked.
    """

    def __init__(self, store: Store, credentials: Credentials, now: Clock, tasks: Tasks) -> None:
        self._store = store
        self._credentials = credentials
        self._now = now
        self._tasks = tasks
        self._pace = Pace(RATE)
        self._reading: dict[bytes, asyncio.Task[None]] = {}
        self._absent: dict[bytes, float] = {}
        self._aside = 0
        self._aside_bytes = 0
        self._log = get_logger("keys")

    async def find(self, cid: bytes) -> tuple[Member, ...]:
        """Return who has a credential of that id: one, none, or (ids being 64 bits) several."""
        found = self._credentials.with_id(cid)
        reading = None if found else self._begun(cid)
        if reading is None:
            return found
        # Not the question itself: who waits for it neither ends it nor ends with it.
        await asyncio.wait({reading})
        return self._credentials.with_id(cid)

    def set_aside(self, cid: bytes, size: int, then: Callable[[], None]) -> bool:
        """Do ``then`` once it is known whether there is such a credential; return False where that is not asked.

        ``size`` is how many bytes wait with it.
        """
        if self._aside >= ASIDE or self._aside_bytes + size > ASIDE_BYTES:
            return False
        reading = self._begun(cid)
        if reading is None:
            return False
        self._aside += 1
        self._aside_bytes += size
        self._tasks.spawn(self._wait(reading, size, then), "message of somebody unknown")
        return True

    async def _wait(self, reading: asyncio.Task[None], size: int, then: Callable[[], None]) -> None:
        try:
            await asyncio.wait({reading})
        finally:
            self._aside -= 1
            self._aside_bytes -= size
        then()

    def _begun(self, cid: bytes) -> asyncio.Task[None] | None:
        """Return the question for an id; None where it is not to be asked now."""
        reading = self._reading.get(cid)
        if reading is not None:
            return reading
        now = self._now()
        if (
            self._absent.get(cid, 0.0) > now
            or len(self._reading) >= AT_ONCE
            or not self._pace.allow(_EVERYBODY, round(now * _MILLISECONDS))
        ):
            return None
        reading = self._reading[cid] = self._tasks.spawn(self._read(cid), "credential")
        reading.add_done_callback(lambda _done: self._reading.pop(cid, None))
        return reading

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
