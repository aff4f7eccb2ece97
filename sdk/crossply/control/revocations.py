"""Follows the authority's signed list of what is revoked: as notices bring it, else from the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from crossply.control import keys
from crossply.seal.faults import SealFault
from crossply.seal.revoked import Revoked, verify
from crossply.telemetry.logs import get_logger
from crossply.wire.link import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from crossply.tasks import Tasks
    from crossply.wire.link import Closable, Link

CARRIED: Final = 64 * 1024
"""A longer list is not in the notice; it is read."""


class Notice(msgspec.Struct, frozen=True):
    """What is said on the wire: the list's number, and the list itself when it has just changed."""

    number: int
    list: bytes = b""


def noticed(raw: bytes) -> Notice | None:
    """Return what a notice says, ``None`` when it is none."""
    try:
        return msgspec.msgpack.decode(raw, type=Notice)
    except msgspec.DecodeError:
        return None


class RevocationFeed:
    """Hands each newer list that an authority signed to ``adopt``; its number never goes back.

    ``authorities`` returns the keys that may sign, by their ``issuer_kid``.
    """

    def __init__(
        self,
        link: Link,
        authorities: Callable[[], Mapping[bytes, Ed25519PublicKey]],
        adopt: Callable[[Revoked], None],
        tasks: Tasks,
    ) -> None:
        self._link = link
        self._authorities = authorities
        self._adopt = adopt
        self._tasks = tasks
        self._number = 0
        self._reading = False
        self._watching: Closable | None = None
        self._log = get_logger("revocations")

    @property
    def number(self) -> int:
        """The number of the list in force; 0 before there is one."""
        return self._number

    async def start(self) -> None:
        """Listen, and read what is in force; a store that does not answer now is asked at the next notice."""
        self._watching = self._link.revoked.watch(self._heard)
        await self.catch_up()

    async def aclose(self) -> None:
        """Listen no more."""
        if self._watching is not None:
            await self._watching.aclose()

    async def catch_up(self) -> None:
        """Read the list in the store."""
        if self._reading:
            return
        self._reading = True
        try:
            held = await self._link.store.get(keys.REVOKED, leader=True)
        except StoreUnavailable as error:
            self._log.debug("revocations_not_read", why=str(error))
        else:
            if held is not None:
                self._take(held.value)
            elif self._number:
                self._log.warning("revocations_refused", why=f"the store holds none; {self._number} was seen before")
        finally:
            self._reading = False

    def _heard(self, raw: bytes) -> None:
        notice = noticed(raw)
        if notice is None or notice.number <= self._number:
            return
        if notice.list:
            self._take(notice.list)
        elif not self._reading:
            self._tasks.spawn(self.catch_up(), "revocations read")

    def _take(self, raw: bytes) -> None:
        try:
            found = verify(raw, self._authorities())
        except SealFault as fault:
            self._log.warning("revocations_refused", why=str(fault))
            return
        if found.number < self._number:
            self._log.warning("revocations_refused", why=f"list {found.number} is older than {self._number}")
        elif found.number > self._number:
            self._number = found.number
            self._log.info("revocations", number=found.number, barred=sorted(found.barred))
            self._adopt(found)
