"""The shares of this instance in rates that the mesh keeps together: asked for every second, kept when nobody answers.

A registry leases the shares. It hears from each instance what it holds and how much it is asked for, and moves shares
to where they are wanted, never more than all. With every registry away each instance goes on with the share it has:
nobody could give that to another meanwhile. One that was never given any has a tenth.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply.wire.lease import Wanted

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.protection.buckets import Buckets
    from crossply.protection.rates import Rates
    from crossply.wire.lease import SharesOfRates

EVERY: Final = 1.0
_ANSWERED_WITHIN: Final = 0.5


class Leases:
    """Keeps the shares of a process current; ``renewing`` is one round, and waits until there is something to ask."""

    def __init__(self, shares: SharesOfRates, rates: Rates, now: Clock) -> None:
        self._shares = shares
        self._rates = rates
        self._now = now
        self._new = asyncio.Event()
        self._counted: dict[str, Counted] = {}
        rates.on_shared(self._new.set)

    async def renewing(self) -> None:
        """Ask at once when a limit is new, else a second after the last time."""
        if self._rates.shared():
            try:
                async with asyncio.timeout(EVERY):
                    await self._new.wait()
            except TimeoutError:
                pass
        else:
            self._counted.clear()
            await self._new.wait()
        self._new.clear()
        await self.renew()

    async def renew(self) -> None:
        """Say what is held and wanted, and take what is leased."""
        shared = self._rates.shared()
        if not shared:
            return
        wanted = {name: Wanted(buckets.share, self._demand(name, buckets)) for name, buckets in shared.items()}
        leased = await self._shares.ask(wanted, _ANSWERED_WITHIN)
        for name, share in (leased or {}).items():
            # A limit that was replaced meanwhile has buckets of its own, whose share was not asked about.
            if name in shared and self._rates.shared().get(name) is shared[name]:
                shared[name].share_out(share)

    def _demand(self, name: str, buckets: Buckets) -> float:
        counted = self._counted.get(name)
        if counted is None or counted.buckets is not buckets:
            counted = self._counted[name] = Counted(buckets, self._now())
        return counted.demand(self._now())


class Counted:
    """How many a second ask for a token of one limit, smoothed over some seconds."""

    __slots__ = ("_asked", "_at", "_rate", "buckets")

    def __init__(self, buckets: Buckets, at: float) -> None:
        self.buckets = buckets
        self._asked = buckets.asked
        self._at = at
        self._rate = 0.0

    def demand(self, now: float) -> float:
        """Return the demand by now."""
        passed = now - self._at
        if passed > 0:
            rate = (self.buckets.asked - self._asked) / passed
            self._rate = rate if not self._rate else (self._rate + rate) / 2
            self._asked, self._at = self.buckets.asked, now
        return self._rate
