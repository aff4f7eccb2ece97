"""What a caller knows of a service it calls: its instances, and what it measured of each."""

from __future__ import annotations

import asyncio
import hashlib
import math
from bisect import bisect_left, insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crossply.handler import Facts

KEPT_INSTANCES = 64
CHOSEN_INSTANCES = 32
SEEN_WINDOW = 60.0


@dataclass(slots=True, eq=False)
class Instance:
    """One instance. ``latency`` is its peak EWMA in seconds; ``suspect`` means that it did not answer a ping.

    ``since`` is when this caller first heard of it. ``handicap`` is what a call there is taken to cost at least after
    one failed at ``failed``; 0 where none did since the last answer.
    """

    id: str
    heard: float
    zone: str = ""
    labels: dict[str, str] = field(default_factory=dict[str, str])
    version: str = ""
    endpoints: frozenset[str] = frozenset()
    in_flight: int = 0
    latency: float = 0.0
    measured: float = 0.0
    suspect: bool = False
    since: float = -math.inf
    handicap: float = 0.0
    failed: float = 0.0


class Callee:
    """One service as its caller sees it; ``rank`` decides which instances are kept when there are many."""

    def __init__(self, service: str, own_instance: str, made: float = 0.0) -> None:
        self.service = service
        self.made = made
        self.instances: dict[str, Instance] = {}
        self.facts: dict[str, Facts] = {}
        self.seen: float | None = None
        self.asked: float | None = None
        self.heard = asyncio.Event()
        self._own_instance = own_instance
        self._ranked: list[tuple[bytes, str]] = []
        self._chosen: list[Instance] = []
        self._serving: dict[str, list[Instance]] = {}
        self.changes = 0
        self._having: dict[str, list[Instance]] = {}

    def seen_lately(self, now: float) -> bool:
        """Whether any instance was heard of within the last minute."""
        return self.seen is not None and now - self.seen <= SEEN_WINDOW

    def add(self, instance: Instance) -> None:
        """Know an instance."""
        if instance.id not in self.instances:
            insort(self._ranked, (_rank(self._own_instance, instance.id), instance.id))
        self.instances[instance.id] = instance
        self._choose()

    def remove(self, instance: str) -> Instance | None:
        """Forget an instance; return what was known of it."""
        gone = self.instances.pop(instance, None)
        if gone is not None:
            del self._ranked[bisect_left(self._ranked, (_rank(self._own_instance, instance), instance))]
            self._choose()
        return gone

    def serving(self, endpoint: str) -> list[Instance]:
        """Return the instances that have an endpoint, suspects only when there is nobody else."""
        known = self._serving.get(endpoint)
        if known is None:
            having = self.having(endpoint)
            known = [each for each in having if not each.suspect] or having
            if known:
                self._serving[endpoint] = known
        return known

    @property
    def kept(self) -> list[Instance]:
        """The instances that this caller chooses from."""
        return self._chosen

    def having(self, endpoint: str) -> list[Instance]:
        """Return the instances that have an endpoint, suspects too: the same list until something changes."""
        known = self._having.get(endpoint)
        if known is None:
            known = [each for each in self._chosen if endpoint in each.endpoints]
            if known:
                self._having[endpoint] = known
        return known

    def suspect(self, instance: Instance, *, suspect: bool) -> None:
        """Take an instance out of the choice, or back into it."""
        if instance.suspect is not suspect:
            instance.suspect = suspect
            self.changed()

    def offers(self, endpoint: str) -> bool:
        """Whether any instance known says that it has the endpoint."""
        return any(endpoint in each.endpoints for each in self.instances.values())

    def ranked(self) -> Iterator[Instance]:
        """Yield every instance, those that this caller keeps first."""
        return (self.instances[instance] for _, instance in self._ranked)

    def changed(self) -> None:
        """Work out anew who serves what: an instance came, went, or is another than it was."""
        self._serving.clear()
        self.changes += 1
        self._having.clear()

    def _choose(self) -> None:
        self.changed()
        kept = self._ranked if len(self._ranked) <= KEPT_INSTANCES else self._ranked[:CHOSEN_INSTANCES]
        self._chosen = [self.instances[instance] for _, instance in kept]


def _rank(own: str, other: str) -> bytes:
    """Order instances differently for each caller, and the same way every time: a stable random choice."""
    return hashlib.blake2b(f"{own}/{other}".encode(), digest_size=8).digest()
