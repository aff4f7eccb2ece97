"""A new instance comes to its full share of calls by and by: caches are cold, and code is not compiled."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crossply.clock import Chance
    from crossply.routing.instances import Instance
    from crossply_policy.protection import WarmupPolicy


class Warmth:
    """Linear in the time since this caller heard of an instance, from ``policy.floor`` to 1."""

    def __init__(self, policy: WarmupPolicy, chance: Chance) -> None:
        self._floor = policy.floor
        self._duration = policy.duration if policy.floor < 1 else 0.0
        self._chance = chance

    def young(self, now: float) -> float:
        """Return the moment since which an instance that came is not yet warm."""
        return now - self._duration

    def of(self, instance: Instance, now: float) -> float:
        """Return the part of its share that an instance should get."""
        if now - instance.since >= self._duration:
            return 1.0
        return self._floor + (1.0 - self._floor) * max(0.0, now - instance.since) / self._duration

    def passes(self, instance: Instance, others: Sequence[Instance], now: float) -> bool:
        """Whether an instance keeps the call that fell to it: as often as it is warm beside the warmest of ``others``.

        Where all are as new as each other, as when their caller has just started, all keep what falls to them.
        """
        warmest = max(self.of(each, now) for each in others)
        return self._chance.random() * warmest < self.of(instance, now)
