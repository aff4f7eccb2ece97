"""Where a member stands: it follows what is revoked and allowed, and gets itself new papers when its own are void."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply.control.revocations import RevocationFeed
from crossply.identity.moving import Moving, Wanted
from crossply.seal.sealer import unix_ms
from crossply.telemetry.logs import get_logger
from crossply.wire import credential
from crossply.wire.link import ConnectionEvent

if TYPE_CHECKING:
    from crossply.clock import Chance
    from crossply.identity.member import Member
    from crossply.identity.place import Place
    from crossply.seal.revoked import Revoked
    from crossply_policy.access.decision import Caller
    from crossply_policy.access.rules import Access


REFUSALS: Final = 30.0
"""Seconds in which refusals of brokers lead to one new join at most: there may be other reasons for them."""


class Standing:
    """Follows revocations and policy; renews at half of each life, and at once what became void."""

    def __init__(self, member: Member, place: Place, who: Caller, chance: Chance) -> None:
        self._member = member
        self._place = place
        self._void = False
        self._feed = RevocationFeed(place.link, lambda: member.authorities, self._adopt, place.tasks)
        wanted = Wanted(who, member.instance, place.tenant, place.needs)
        self._moving = Moving(wanted, member.renewals, place, chance)
        self._log = get_logger("identity")
        self._looked = float("-inf")

    async def start(self) -> None:
        """Learn what is revoked, and begin to renew; return once this process opens what is sealed to it."""
        self._place.link.on_event(self._happened)
        await self._feed.start()
        self._place.tasks.spawn(self._member.renew_for_ever(self._place.ask), "renewal of the identity")
        if (wait := (self._member.keyring.since - unix_ms()) / 1000) > 0.0:
            # Nobody is to call an instance that would refuse everything: it is not there yet.
            self._log.info("waiting", seconds=round(wait, 1), why="these keys were in use before this process began")
            await asyncio.sleep(wait)

    async def catch_up(self) -> None:
        """Learn what was revoked while nothing could be heard."""
        await self._feed.catch_up()

    def adopt(self, access: Access) -> None:
        """Have the connection follow policy."""
        self._moving.adopt(access)

    def _adopt(self, revoked: Revoked) -> None:
        self._place.bar(revoked.barred)
        self._member.keyring.credentials.adopt(revoked)
        own = credential.unpack(self._member.issued.credential)
        if self._void or revoked.revoked_since(own.serial, own.identity, own.not_before) is None:
            return
        self._void = True
        self._log.warning("identity_void", identity=own.identity, barred=own.identity in revoked.barred)
        self._place.tasks.spawn(self._replace(), "identity replaced")

    def _happened(self, event: ConnectionEvent) -> None:
        """Join again where brokers refuse what this process shows: it may have missed that this became void."""
        now = asyncio.get_running_loop().time()
        if event is not ConnectionEvent.REFUSED or self._void or now - self._looked < REFUSALS:
            return
        self._void, self._looked = True, now
        self._log.warning("identity_refused", why="the broker lets this process in no more; it joins again")
        self._place.tasks.spawn(self._replace(), "identity replaced")

    async def _replace(self) -> None:
        """Join again, however long it is refused: a barred identity may be restored."""
        try:
            await self._member.renew_until_it_works(self._place.ask)
        finally:
            self._void = False
