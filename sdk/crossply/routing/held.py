"""What a process knows of its callees that outlives a snapshot: budgets, breakers, slots, outliers, latencies.

Each is kept by service, and by the policy it follows: a policy that changed begins anew, any other goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from crossply.routing.breaker import Breaker
from crossply.routing.budget import RetryBudget
from crossply.routing.latencies import Latencies
from crossply.routing.outliers import Outliers
from crossply.routing.slots import Slots
from crossply.telemetry.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crossply.clock import Clock
    from crossply.routing.instances import Callee
    from crossply_policy.documents import BudgetPolicy
    from crossply_policy.protection import BreakerPolicy, LimitPolicy, OutlierPolicy
    from crossply_policy.snapshot import Snapshot

_OPERATIONS = 2048
T = TypeVar("T")
P = TypeVar("P")


class BySubset(Generic[T]):
    """One state for each subset of a service; the subset ``None`` is the whole service."""

    __slots__ = ("_make", "states")

    def __init__(self, make: Callable[[str | None], T]) -> None:
        self._make = make
        self.states: dict[str | None, T] = {}

    def of(self, subset: str | None) -> T:
        """Return the state of a subset, a new one at first."""
        known = self.states.get(subset)
        if known is None:
            known = self.states[subset] = self._make(subset)
        return known

    def keep(self, subsets: set[str]) -> None:
        """Drop the states of other subsets; that of the whole service stays."""
        for gone in self.states.keys() - subsets - {None}:
            del self.states[gone]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """The state of the layers that one operation's policy asks for; ``None`` for those it does not."""

    breakers: BySubset[Breaker] | None = None
    slots: BySubset[Slots] | None = None
    latencies: Latencies | None = None
    outliers: Outliers | None = None


UNPROTECTED = Protection()


class Held:
    """All such state of a process."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._log = get_logger("routing")
        self._budgets: dict[tuple[str, BudgetPolicy], RetryBudget] = {}
        self._breakers: dict[tuple[str, BreakerPolicy], BySubset[Breaker]] = {}
        self._slots: dict[tuple[str, LimitPolicy], BySubset[Slots]] = {}
        self._outliers: dict[tuple[str, OutlierPolicy], Outliers] = {}
        self._latencies: dict[tuple[str, str], Latencies] = {}

    def budget(self, service: str, policy: BudgetPolicy) -> RetryBudget:
        """Return the retry budget of a service."""
        return _known(self._budgets, (service, policy), lambda: RetryBudget(policy, self._now))

    def breakers(self, service: str, policy: BreakerPolicy) -> BySubset[Breaker]:
        """Return the breakers of a service's subsets."""

        def made(subset: str | None) -> Breaker:
            return Breaker(policy, self._now, lambda breaker: self._stands(service, subset, breaker))

        return _known(self._breakers, (service, policy), lambda: BySubset(made))

    def slots(self, service: str, policy: LimitPolicy) -> BySubset[Slots]:
        """Return the slots of a service's subsets."""
        return _known(self._slots, (service, policy), lambda: BySubset(lambda _: Slots(policy, self._now)))

    def outliers(self, callee: Callee, policy: OutlierPolicy) -> Outliers:
        """Return what is known of a service's failing instances."""
        service = callee.service

        def ejected(instance: str, seconds: float) -> None:
            self._ejected(service, instance, seconds)

        known = _known(self._outliers, (service, policy), lambda: Outliers(policy, callee, self._now, ejected))
        known.callee = callee  # what a caller knew during an outage was not kept
        return known

    def latencies(self, service: str, endpoint: str) -> Latencies:
        """Return what attempts of an operation take; of so many, as names may come from outside."""
        if len(self._latencies) >= _OPERATIONS and (service, endpoint) not in self._latencies:
            self._latencies.clear()
        return _known(self._latencies, (service, endpoint), Latencies)

    def forget(self, service: str) -> None:
        """Drop what belongs to a service that does not exist."""
        for states in self._all():
            for key in [each for each in states if each[0] == service]:
                del states[key]

    def keep(self, snapshot: Snapshot) -> None:
        """Drop what follows a policy that is in force no more, or is of a subset that nobody defines any more.

        Calls in flight keep what they began with.
        """
        in_force: dict[str, set[object]] = {}
        for states in self._all()[:-1]:
            for key in list(states):
                service, policy = key
                if service not in in_force:
                    in_force[service] = set(_policies(snapshot, service))
                if policy not in in_force[service]:
                    del states[key]
        for kept in (self._breakers, self._slots):
            for (service, _), by_subset in kept.items():
                by_subset.keep(_subsets(snapshot, service))

    def status(self) -> dict[str, dict[str, list[dict[str, object]]]]:
        """Return what protects each service now: breakers, instances ejected, attempts in flight and waiting."""
        said: dict[str, dict[str, list[dict[str, object]]]] = {}

        def say(service: str, what: str, **facts: object) -> None:
            said.setdefault(service, {}).setdefault(what, []).append(facts)

        for (service, _), breakers in self._breakers.items():
            for subset, breaker in breakers.states.items():
                say(service, "breakers", subset=subset, standing=str(breaker.standing), opened=breaker.opened)
        for (service, _), outliers in self._outliers.items():
            ejected = sorted(each for each, watched in outliers.watched.items() if watched.ejected)
            say(service, "outliers", ejected=ejected, ejections=outliers.ejections)
        for (service, _), slots in self._slots.items():
            for subset, held in slots.states.items():
                counts = {"in_flight": held.in_flight, "waiting": held.waiting, "refused": held.refused}
                say(service, "limits", subset=subset, **counts)
        return said

    def _all(self) -> tuple[dict[Any, Any], ...]:
        return (self._budgets, self._breakers, self._slots, self._outliers, self._latencies)  # the last by no policy

    def _stands(self, service: str, subset: str | None, breaker: Breaker) -> None:
        outcomes = breaker.outcomes
        self._log.warning(
            f"breaker_{breaker.standing}",
            service=service,
            subset=subset or "",
            good=outcomes.good,
            bad=outcomes.bad,
            opened=breaker.opened,
        )

    def _ejected(self, service: str, instance: str, seconds: float) -> None:
        if seconds:
            self._log.warning("instance_ejected", service=service, ejected=instance, seconds=seconds)
        else:
            self._log.info("instance_returned", service=service, returned=instance)


def _known(states: dict[P, T], key: P, make: Callable[[], T]) -> T:
    known = states.get(key)
    if known is None:
        known = states[key] = make()
    return known


def _policies(snapshot: Snapshot, service: str) -> Iterable[object]:
    """Yield the policies that state follows, of all routes of a service."""
    whole = snapshot.services.get(service, snapshot.default)
    for route in (whole, *(each for (name, _), each in snapshot.endpoints.items() if name == service)):
        yield from (route.retry.budget, route.breaker, route.outlier, route.limit)


def _subsets(snapshot: Snapshot, service: str) -> set[str]:
    return {subset for rule in snapshot.traffic.get(service, ()) for subset in rule.traffic.subsets}
