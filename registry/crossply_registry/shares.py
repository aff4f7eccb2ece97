"""Leases of rates: how much each instance may have of a rate that the mesh keeps together, never more than all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from crossply_policy.rate_limit import RateLimitSpec

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.wire.lease import Shares, Wanted
    from crossply.wire.link import Closable, Link
    from crossply_registry.catalog.catalog import Catalog
    from crossply_registry.revisions.log import RevisionLog

TERM: Final = 5.0
"""Seconds without a word after which an instance's share may go to others: it asks every second."""
LEARNING: Final = 3.0
"""Seconds in which who begins to lease a rate gives nobody more, until all have said what they hold."""
_IDLE: Final = 0.5
_SAME: Final = 0.01
_MOST_HOLDERS: Final = 4_096

Who = tuple[str, str]


@dataclass(slots=True)
class Holding:
    """What one instance holds, or is being given; what it wants a second; when it was heard."""

    share: float
    demand: float
    heard: float


class Coordinator:
    """Divides one rate among the instances that ask; it knows no more than what they say."""

    def __init__(self, learning: float = LEARNING) -> None:
        self._learning = learning
        self._holdings: dict[Who, Holding] = {}
        self._first_asked: float | None = None

    def lease(self, who: Who, wanted: Wanted, now: float, *, expected: int) -> float:
        """Return the share that an instance has from now on; ``expected`` instances will ask, as far as is known.

        A share that is given up counts until its holder has said that it holds less; so answers may be lost.
        """
        self._forget(now - TERM)
        if who not in self._holdings and len(self._holdings) >= _MOST_HOLDERS:
            return 0.0
        held = min(1.0, max(0.0, wanted.held))
        mine = self._holdings[who] = Holding(held, max(0.0, wanted.asked), now)
        # From the first word on, not from its own start: it may have been out of everybody's reach until then.
        if self._first_asked is None:
            self._first_asked = now
        if now < self._first_asked + self._learning:
            return held
        target = self._target(mine, expected)
        free = max(0.0, 1.0 - sum(one.share for one in self._holdings.values() if one is not mine))
        # Nobody is asked to go below what is due to it: who holds more than is due gives way.
        share = max(min(target, free), min(target, held))
        if abs(share - held) < _SAME and held <= free:
            share = held
        mine.share = max(held, share)
        return share

    def _target(self, mine: Holding, expected: int) -> float:
        """Return what is due: by demand, and half of the average for who wants nothing now but may soon."""
        every = self._holdings.values()
        average = sum(one.demand for one in every) / len(every) or 1.0
        weights = sum(one.demand + _IDLE * average for one in every)
        # Those that have not asked yet are taken to want as much as the others.
        return (mine.demand + _IDLE * average) / (weights * max(1.0, expected / len(every)))

    def _forget(self, before: float) -> None:
        for who in [who for who, one in self._holdings.items() if one.heard < before]:
            del self._holdings[who]


class Leasing:
    """Answers instances, if this replica is the one that leases: of those that live, the one of the lowest id."""

    def __init__(self, link: Link, instance: str, revisions: RevisionLog, catalog: Catalog, clock: Clock) -> None:
        self._link = link
        self._instance = instance
        self._revisions = revisions
        self._catalog = catalog
        self._clock = clock
        self._leads = True
        self._coordinators: dict[str, Coordinator] = {}
        self._listening: Closable | None = None

    async def start(self) -> None:
        """Begin to answer."""
        self._listening = await self._link.shares.answer(self.asked)

    async def aclose(self) -> None:
        """Answer no more."""
        if self._listening is not None:
            await self._listening.aclose()

    def asked(self, service: str, instance: str, wanted: dict[str, Wanted]) -> Shares | None:
        """Return the shares of an instance in the limits that are in force; ``None`` where another replica leases."""
        now = self._clock()
        if self._instance != min((self._instance, *self._catalog.registries())):
            self._leads = False
            return None
        if not self._leads:
            self._leads = True
            self._coordinators.clear()
        in_force = {name: spec for name in wanted if (spec := self._limit(name)) is not None}
        for name in [name for name in self._coordinators if self._limit(name) is None]:
            del self._coordinators[name]
        return {
            name: self._coordinators.setdefault(name, Coordinator()).lease(
                (service, instance), wanted[name], now, expected=self._expected(spec)
            )
            for name, spec in in_force.items()
        }

    def _limit(self, name: str) -> RateLimitSpec | None:
        held = self._revisions.contents.held.get(f"RateLimit/{name}")
        spec = None if held is None else held.document.spec
        return spec if isinstance(spec, RateLimitSpec) and spec.scope == "mesh" else None

    def _expected(self, spec: RateLimitSpec) -> int:
        """Return how many instances keep a limit, where that can be known: those of the callee."""
        service = spec.target.service if spec.target is not None else None
        return len(self._catalog.service(service)) if service is not None and spec.at != "caller" else 0
