"""Choose an instance: the cheaper of two at random, by peak EWMA of latency and calls in flight; or each in turn.

Power of two choices keeps the tail short without a global view (Mitzenmacher 2001); the peak EWMA rises at once
with a slow answer and decays over ten seconds (Finagle's ``PeakEwma``, Linkerd's default).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from crossply.clock import Chance
    from crossply.handler import Request
    from crossply.routing.instances import Instance
    from crossply.routing.warmth import Warmth

DECAY = 10.0
_UNMEASURED = 0.001


class Picker(Protocol):
    """Chooses one of several instances."""

    def pick(self, instances: Sequence[Instance], request: Request, now: float) -> Instance:
        """Return one of ``instances``, of which there is at least one: one that was not tried, if there is one."""
        ...


class LeastLatency:
    """Two at random, then the one whose latency times calls in flight is lower."""

    def __init__(self, chance: Chance, warmth: Warmth) -> None:
        self._chance = chance
        self._warmth = warmth

    def pick(self, instances: Sequence[Instance], request: Request, now: float) -> Instance:
        """Return the cheaper of two drawn at random, of which a new one is passed over at times."""
        if request.tried:
            instances = untried(instances, request)
        count = len(instances)
        if count == 1:
            return instances[0]
        first = int(self._chance.random() * count)
        second = int(self._chance.random() * (count - 1))
        if second >= first:
            second += 1
        one, other = instances[first], instances[second]
        young = self._warmth.young(now)
        if one.since > young or other.since > young:
            both = (one, other)
            keeps = [each for each in both if self._warmth.passes(each, both, now)]
            if len(keeps) == 1:
                return keeps[0]
        return one if cost(one, now) <= cost(other, now) else other


class InTurn:
    """Each in its turn, as they are listed; of the turns of a new one some are the next one's."""

    def __init__(self, chance: Chance, warmth: Warmth) -> None:
        self._warmth = warmth
        # Callers that start together do not all begin with the same instance.
        self._turn = chance.getrandbits(16)

    def pick(self, instances: Sequence[Instance], request: Request, now: float) -> Instance:
        """Return the next one."""
        if request.tried:
            instances = untried(instances, request)
        young, count = self._warmth.young(now), len(instances)
        for _ in range(count):
            self._turn += 1
            chosen = instances[self._turn % count]
            if chosen.since <= young or self._warmth.passes(chosen, instances, now):
                return chosen
        return instances[self._turn % count]


def untried(instances: Sequence[Instance], request: Request) -> Sequence[Instance]:
    """Return those that no attempt of the call has gone to; all where there is no other."""
    return [each for each in instances if each.id not in request.tried] or instances


def cost(instance: Instance, now: float) -> float:
    """Return what a further call to an instance would cost: decayed latency times calls in flight."""
    latency = instance.latency * math.exp((instance.measured - now) / DECAY) if instance.latency else 0.0
    if instance.handicap:
        latency = max(latency, instance.handicap * math.exp((instance.failed - now) / DECAY))
    return max(latency, _UNMEASURED) * (instance.in_flight + 1)


def observe(instance: Instance, latency: float, now: float) -> None:
    """Take a measured latency into an instance's peak EWMA: it answered."""
    instance.handicap = 0.0
    if latency >= instance.latency:
        instance.latency = latency
    else:
        weight = math.exp((instance.measured - now) / DECAY)
        instance.latency = instance.latency * weight + latency * (1.0 - weight)
    instance.measured = now


def observe_unfinished(instance: Instance, began: float, now: float) -> None:
    """Take in an attempt that was not answered: it would have taken longer, so it counts if it is a peak already."""
    if now - began >= instance.latency * math.exp((instance.measured - now) / DECAY):
        instance.latency, instance.measured = now - began, now


def observe_failed(instance: Instance, instances: Iterable[Instance], now: float) -> None:
    """Take in an attempt that failed: a further call there is taken to cost what one costs at the others.

    Who fails does so sooner than others answer, and would draw the calls by it, being idle and quick.
    """
    costs = [max(each.latency, _UNMEASURED) * (each.in_flight + 1) for each in instances if each is not instance]
    if costs:
        instance.handicap, instance.failed = sum(costs) / len(costs), now
