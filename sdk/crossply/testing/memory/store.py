"""The key-value bucket and the provisioning of streams, as the links show them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from crossply.wire.link import Conflict, Entry, StoreUnavailable

if TYPE_CHECKING:
    from crossply.testing.memory.events import Events
    from crossply.testing.memory.link import MemoryLink
    from crossply.wire.plans import ConsumerPlan, ConsumerState, RepliesPlan, StreamPlan


class Bucket:
    """What a tenant's bucket holds; ``revision`` counts its writes."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.revision = 0
        self._written: dict[str, float] = {}

    def forget(self, before: float) -> None:
        """Drop what was written before that."""
        for key in [key for key, at in self._written.items() if at < before]:
            del self.entries[key], self._written[key]

    def write(self, key: str, value: bytes, expected: int, at: float) -> int:
        """Write by compare-and-set; raise ``Conflict``."""
        known = self.entries.get(key)
        if (known.revision if known is not None else 0) != expected:
            raise Conflict(f"{key} is not at revision {expected} any more")
        self.revision += 1
        self.entries[key], self._written[key] = Entry(value, self.revision), at
        return self.revision


class MemoryStore:
    """A bucket through a link: unavailable while that is not connected. What is older than ``age`` seconds is gone."""

    def __init__(self, link: MemoryLink, bucket: Bucket, age: float = math.inf) -> None:
        self._link = link
        self._bucket = bucket
        self._age = age

    async def get(self, key: str, *, leader: bool = False) -> Entry | None:  # noqa: ARG002 - there is one replica
        """Return the newest value."""
        self._reach()
        return self._bucket.entries.get(key)

    async def create(self, key: str, value: bytes) -> int:
        """Write a key that must not exist."""
        self._reach()
        return self._bucket.write(key, value, 0, self._link.now())

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Write a key that must be at ``revision``."""
        self._reach()
        return self._bucket.write(key, value, revision, self._link.now())

    def _reach(self) -> None:
        _reach(self._link)
        self._bucket.forget(self._link.now() - self._age)


class MemoryStreams:
    """Streams and consumers through a link."""

    def __init__(self, link: MemoryLink, events: Events) -> None:
        self._link = link
        self._events = events

    async def ensure_bucket(self, replicas: int = 1) -> None:  # noqa: ARG002 - there is one replica
        """Do nothing: a bucket is always there."""
        _reach(self._link)

    async def ensure_replies(self, plan: RepliesPlan) -> bool:  # noqa: ARG002 - as above
        """Do nothing: that bucket is always there as well."""
        _reach(self._link)
        return False

    async def ensure_stream(self, plan: StreamPlan) -> bool:
        """Create the stream of a family unless it is there."""
        _reach(self._link)
        return self._events.provide(plan.family)

    async def ensure_consumer(self, plan: ConsumerPlan) -> bool:
        """Create the durable consumer unless it is there."""
        _reach(self._link)
        return self._events.provide_consumer(plan.service, plan.pattern, plan.ack_wait)

    async def consumer_state(self, service: str, pattern: str) -> ConsumerState | None:
        """Return how far a durable consumer is."""
        _reach(self._link)
        return self._events.state(service, pattern)


def _reach(link: MemoryLink) -> None:
    if not link.connected:
        raise StoreUnavailable("not connected to the broker")
