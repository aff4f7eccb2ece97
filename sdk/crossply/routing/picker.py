"""Choose an instance: the cheaper of two at random, by peak EWMA of latency and calls in flight.

Power of two choices keeps the tail short without a global view (Mitzenmacher 2001); the peak EWMA rises at once
with a slow answer and decays over ten seconds (Finagle's ``PeakEwma``, Linkerd's default).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crossply.clock import Chance
    from crossply.routing.instances import Instance

DECAY = 10.0
_UNMEASURED = 0.001


class Picker(Protocol):
    """Chooses one of several instances."""

    def pick(self, instances: Sequence[Instance], now: float) -> Instance:
        """Return one of ``instances``, of which there is at least one."""
        ...


class LeastLatency:
    """Two at random, then the one whose latency times calls in flight is lower."""

    def __init__(self, chance: Chance) -> None:
        self._chance = chance

    def pick(self, instances: Sequence[Instance], now: float) -> Instance:
        """Return the cheaper of two drawn at random."""
        count = len(instances)
        if count == 1:
            return instances[0]
        first = int(self._chance.random() * count)
        second = int(self._chance.random() * (count - 1))
        if second >= first:
            second += 1
        one, other = instances[first], instances[second]
        return one if cost(one, now) <= cost(other, now) else other


def cost(instance: Instance, now: float) -> float:
    """Return what a further call to an instance would cost: decayed latency times calls in flight."""
    latency = instance.latency * math.exp((instance.measured - now) / DECAY) if instance.latency else 0.0
    return max(latency, _UNMEASURED) * (instance.in_flight + 1)


def observe(instance: Instance, latency: float, now: float) -> None:
    """Take a measured latency into an instance's peak EWMA."""
    if latency >= instance.latency:
        instance.latency = latency
    else:
        weight = math.exp((instance.measured - now) / DECAY)
        instance.latency = instance.latency * weight + latency * (1.0 - weight)
    instance.measured = now
