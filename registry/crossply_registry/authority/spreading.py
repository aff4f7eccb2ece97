"""What is revoked reaches every member within a second: in the store, and by notices that each replica repeats."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import msgspec

from crossply.control import keys
from crossply.control.revocations import CARRIED, Notice, noticed
from crossply.seal.faults import SealFault
from crossply.seal.revoked import verify
from crossply.telemetry.logs import get_logger
from crossply.wire.link import Conflict, StoreUnavailable
from crossply_registry.authority.state import StateFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.tasks import Tasks
    from crossply.wire.link import Closable, Link
    from crossply_registry.authority.issuer import Issuer
    from crossply_registry.authority.revocations import Revocations

REPEAT: Final = 2.0
_TRIES: Final = 10
_log: Final = get_logger("authority")


class Spreading:
    """Tells members of each newer list; calls ``changed`` when there is one, whichever replica decided it."""

    def __init__(
        self, link: Link, issuer: Issuer, revocations: Revocations, tasks: Tasks, changed: Callable[[], None]
    ) -> None:
        self._link = link
        self._issuer = issuer
        self._revocations = revocations
        self._tasks = tasks
        self._changed = changed
        self._told: int = 0
        self._kept: int = 0
        self._following = False
        self._watch: Closable | None = None

    async def start(self) -> None:
        """Listen to the other replicas, and repeat the number from now on."""
        self._watch = self._link.revoked.watch(self._heard)
        self._tasks.for_ever(self._repeating, "revocations repeated")

    async def aclose(self) -> None:
        """Listen no more; the tasks end with their owner."""
        if self._watch is not None:
            await self._watch.aclose()

    async def spread(self) -> None:
        """Tell of what is known now, if it is new: members first, then the store, for those who did not hear.

        Raise StoreUnavailable when the store did not take it: then it is tried again within ``REPEAT`` seconds.
        """
        number = self._revocations.number
        if number == self._kept:
            return
        signed = self._revocations.signed()
        if number != self._told:
            self._told = number
            self._link.revoked.tell(_packed(Notice(number, signed if len(signed) <= CARRIED else b"")))
            self._changed()
        await self._keep(signed, number)
        self._kept = number

    async def _keep(self, signed: bytes, number: int) -> None:
        """Have the store hold this list or a newer one."""
        store = self._link.store
        for _ in range(_TRIES):
            held = await store.get(keys.REVOKED, leader=True)
            try:
                if held is None:
                    await store.create(keys.REVOKED, signed)
                elif self._number(held.value) < number:
                    await store.update(keys.REVOKED, signed, held.revision)
            except Conflict:
                continue
            return
        raise StoreUnavailable(f"{keys.REVOKED}: other replicas wrote first {_TRIES} times")

    def _number(self, raw: bytes) -> int:
        """Return the number of a list; what no authority signed is older than any."""
        try:
            return verify(raw, {self._issuer.kid: self._issuer.public_key}).number
        except SealFault as fault:
            _log.error("revocations_in_store_refused", why=str(fault))
            return -1

    async def _repeating(self) -> None:
        await self._follow()
        number = self._revocations.number
        if number:
            self._link.revoked.tell(_packed(Notice(number)))
        await asyncio.sleep(REPEAT)

    def _heard(self, raw: bytes) -> None:
        notice = noticed(raw)
        if notice is not None and notice.number > self._revocations.number and not self._following:
            self._tasks.spawn(self._follow(), "revocations followed")

    async def _follow(self) -> None:
        self._following = True
        try:
            await self._revocations.refresh()
            await self.spread()
        except (StoreUnavailable, StateFault) as error:
            _log.warning("revocations_not_spread", why=str(error))
        finally:
            self._following = False


def _packed(notice: Notice) -> bytes:
    return msgspec.msgpack.encode(notice)
