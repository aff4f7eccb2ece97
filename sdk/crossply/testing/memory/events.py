"""Durable events: streams keep them, consumers deliver each to one instance until it is done."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crossply.errors import CallError, Code, Unwelcome
from crossply.wire.plans import ConsumerState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from crossply.handler import Response
    from crossply.testing.memory.link import MemoryLink

ACK_WAIT = 30.0
_REDELIVERY = (1.0, 5.0, 30.0, 60.0)


@dataclass(slots=True, eq=False)
class Stored:
    """One event in a stream, and how often a consumer has delivered it."""

    channel: str
    raw: bytes
    sequence: int
    delivery: int = 0


@dataclass(slots=True, eq=False)
class Member:
    """One instance's part in a consumer: ``deliver`` is called with up to ``room`` events at a time."""

    link: MemoryLink
    deliver: Callable[[Stored], Coroutine[None, None, Response | None]]
    room: int
    running: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)


class Consumer:
    """The durable consumer of a service on a channel pattern."""

    def __init__(self, pattern: str, ack_wait: float) -> None:
        self.pattern = pattern
        self._ack_wait = ack_wait
        self._pending: deque[Stored] = deque()
        self._members: list[Member] = []
        self._held: dict[Stored, Member] = {}
        self._waiting = 0
        self._redelivered = 0

    @property
    def state(self) -> ConsumerState:
        """What is still to be done."""
        return ConsumerState(
            pending=len(self._pending),
            ack_pending=len(self._held) + self._waiting,
            redelivered=self._redelivered,
        )

    def store(self, event: Stored) -> None:
        """Take a copy of a new event of the stream."""
        self._pending.append(Stored(event.channel, event.raw, event.sequence))
        self.pump()

    def join(self, member: Member) -> None:
        """Deliver to one more instance."""
        self._members.append(member)
        self.pump()

    async def leave(self, member: Member) -> None:
        """Deliver nothing more to an instance; return when it has done what it had."""
        if member in self._members:
            self._members.remove(member)
        if member.running:
            await member.idle.wait()

    def crashed(self, link: MemoryLink) -> None:
        """Deliver again what an instance held, once it is late with its ack."""
        self._members = [each for each in self._members if each.link is not link]
        for event in [event for event, member in self._held.items() if member.link is link]:
            del self._held[event]
            self._again(event, self._ack_wait)

    def pump(self) -> None:
        """Hand events to instances that have room, to each in its turn."""
        while self._pending:
            ready = [each for each in self._members if each.running < each.room and each.link.awake]
            if not ready:
                return
            member = min(ready, key=lambda each: each.running)
            event = self._pending.popleft()
            event.delivery += 1
            self._redelivered += event.delivery > 1
            member.running += 1
            member.idle.clear()
            self._held[event] = member
            member.link.tasks.spawn(self._deliver(member, event), f"event {event.channel}")

    async def _deliver(self, member: Member, event: Stored) -> None:
        delay: float | None = self._ack_wait
        try:
            response = await member.deliver(event)
            await member.link.reconnected()
            failure = None if response is None else response.failure
            delay = None if failure is None else redelivery_delay(failure, event.delivery)
        finally:
            member.running -= 1
            if not member.running:
                member.idle.set()
            # One that was cut off is late with its ack, which the broker finds out by waiting.
            if self._held.pop(event, None) is not None and delay is not None:
                self._again(event, delay)
        self.pump()

    def _again(self, event: Stored, delay: float) -> None:
        self._waiting += 1
        asyncio.get_running_loop().call_later(delay, self._due, event)

    def _due(self, event: Stored) -> None:
        self._waiting -= 1
        self._pending.append(event)
        self.pump()


class Events:
    """All streams of a broker; without ``provision`` each stream and consumer must be created by somebody."""

    def __init__(self, *, provision: bool) -> None:
        self._provision = provision
        self._families: set[str] = set()
        self._ids: set[bytes] = set()
        self._consumers: dict[tuple[str, str], Consumer] = {}
        self.stored: list[Stored] = []

    def provide(self, family: str) -> bool:
        """Create the stream of a family unless it is there; return whether it was created."""
        known = family in self._families
        self._families.add(family)
        return not known

    def provide_consumer(self, service: str, pattern: str, ack_wait: float = ACK_WAIT) -> bool:
        """Create a durable consumer unless it is there; return whether it was created."""
        if (service, pattern) in self._consumers:
            return False
        self._consumers[service, pattern] = Consumer(pattern, ack_wait)
        return True

    def state(self, service: str, pattern: str) -> ConsumerState | None:
        """Return how far a consumer is, ``None`` when there is none."""
        consumer = self._consumers.get((service, pattern))
        return None if consumer is None else consumer.state

    def consumer(self, service: str, pattern: str) -> Consumer | None:
        """Return a consumer, ``None`` when nobody created it."""
        if self._provision:
            self.provide_consumer(service, pattern)
        return self._consumers.get((service, pattern))

    def store(self, channel: str, event_id: bytes, raw: bytes) -> tuple[int, bool] | None:
        """Keep an event; return its sequence and whether its id was known, ``None`` without a stream."""
        family = channel.partition(".")[0]
        if self._provision:
            self.provide(family)
        if family not in self._families:
            return None
        if event_id in self._ids:
            return len(self.stored), True
        self._ids.add(event_id)
        event = Stored(channel, raw, len(self.stored) + 1)
        self.stored.append(event)
        for consumer in list(self._consumers.values()):
            if matches(consumer.pattern, channel):
                consumer.store(event)
        return event.sequence, False

    def crashed(self, link: MemoryLink) -> None:
        """Have the events that an instance held delivered again."""
        for consumer in self._consumers.values():
            consumer.crashed(link)

    def pump(self) -> None:
        """Deliver what waits for an instance that can take it again."""
        for consumer in self._consumers.values():
            consumer.pump()


def redelivery_delay(failure: CallError, delivery: int) -> float | None:
    """Return after how many seconds a failed event comes again: later with each delivery; ``None``: not any more."""
    if isinstance(failure, Unwelcome) and delivery >= failure.deliveries:
        return None
    if failure.code is Code.UNAVAILABLE:
        return _REDELIVERY[0]
    return failure.retry_after or _REDELIVERY[min(delivery, len(_REDELIVERY)) - 1]


def matches(pattern: str, channel: str) -> bool:
    """Whether a channel is one of those that a pattern names."""
    wanted, said = pattern.split("."), channel.split(".")
    if wanted[-1] == ">":
        return len(said) >= len(wanted) and _same(wanted[:-1], said)
    return len(said) == len(wanted) and _same(wanted, said)


def _same(wanted: list[str], said: list[str]) -> bool:
    return all(one in {"*", other} for one, other in zip(wanted, said, strict=False))
