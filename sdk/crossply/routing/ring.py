"""Choose an instance by the call's key: consistent hashing with bounded load.

Each instance stands at 64 points of a ring, and a key goes to the first instance clockwise that is not too busy: when
one leaves, only its keys move (Karger 1997), and nobody gets more than 1.25 times the mean of what is in flight
(Mirrokni, Thorup and Zadimoghaddam 2018; the factor is theirs and HAProxy's).
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from crossply.handler import Request
    from crossply.routing.instances import Instance
    from crossply.routing.picker import Picker

LOAD = 1.25
_DIGESTS, _WIDTH = 8, 8


class Ring:
    """The points of some instances."""

    def __init__(self, instances: Sequence[Instance]) -> None:
        self.instances = instances
        placed = sorted((point, number) for number, each in enumerate(instances) for point in _points(each.id))
        self._points = [point for point, _ in placed]
        self._owners = [instances[number] for _, number in placed]

    def after(self, key: str) -> Iterator[Instance]:
        """Yield the instances in the order in which they stand after a key."""
        count = len(self._owners)
        start = bisect_right(self._points, int.from_bytes(hashlib.blake2b(key.encode(), digest_size=_WIDTH).digest()))
        seen: set[str] = set()
        for step in range(count):
            owner = self._owners[(start + step) % count]
            if owner.id not in seen:
                seen.add(owner.id)
                yield owner


class ByKey:
    """The first instance after the call's key that has room; ``otherwise`` chooses for calls without a key."""

    def __init__(self, otherwise: Picker) -> None:
        self._otherwise = otherwise
        self._rings: dict[str | None, Ring] = {}

    def pick(self, instances: Sequence[Instance], request: Request, now: float) -> Instance:
        """Return the instance of a key: the next one that was not tried and is not above its bound."""
        if request.key is None:
            return self._otherwise.pick(instances, request, now)
        ring = self._rings.get(request.subset)
        if ring is None or ring.instances is not instances:
            ring = self._rings[request.subset] = Ring(instances)
        first: Instance | None = None
        bound = 0
        for each in ring.after(request.key):
            if each.id in request.tried:
                continue
            if not each.in_flight:
                return each  # an idle one is never above its bound
            first = first or each
            bound = bound or capacity(instances)
            if each.in_flight < bound:
                return each
        return first or next(ring.after(request.key))


def capacity(instances: Sequence[Instance]) -> int:
    """Return how many calls an instance may have in flight once the next one is sent: 1.25 times the mean."""
    return math.ceil(LOAD * (sum(each.in_flight for each in instances) + 1) / len(instances))


def _points(instance: str) -> Iterator[int]:
    for number in range(_DIGESTS):
        digest = hashlib.blake2b(f"{number}/{instance}".encode()).digest()
        for place in islice(range(0, len(digest), _WIDTH), _DIGESTS):
            yield int.from_bytes(digest[place : place + _WIDTH])
