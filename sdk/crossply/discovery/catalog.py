"""Who serves what: instances of the services this process calls, from what they say of themselves."""

from __future__ import annotations

import asyncio
import contextlib
import math
from typing import TYPE_CHECKING

from crossply.errors import Absent, NotFound, Origin, Overloaded
from crossply.handler import Facts
from crossply.routing.instances import Callee, Instance
from crossply.wire.presence import Bye, Heartbeat, Hello, Presence

if TYPE_CHECKING:
    from crossply.clock import Chance, Clock
    from crossply.tasks import Tasks
    from crossply.wire.link import Closable, Link

GONE_AFTER = 18.0
WHO_TIMEOUT = 0.25
ABSENT_FOR = 1.0
RESTART_WINDOW = 2.0
STRANGERS = 512
STRANGER_FOR = 10.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.01, 0.2
_SETTLED = 0.01


class Catalog:
    """The callees of one process; it listens to a service from the first call to it on."""

    def __init__(self, link: Link, own_instance: str, tasks: Tasks, now: Clock, chance: Chance) -> None:
        self._link = link
        self._tasks = tasks
        self._own_instance = own_instance
        self._now = now
        self._chance = chance
        self._callees: dict[str, Callee] = {}
        self._watches: dict[str, Closable] = {}
        self._following = asyncio.Lock()
        self._reconnected = -math.inf

    def callee(self, service: str) -> Callee:
        """Return what is known of a service, nothing at first; what is asked for during an outage is not kept."""
        callee = self._callees.get(service)
        if callee is None:
            callee = Callee(service, self._own_instance, self._now())
            if self._link.connected:
                self._callees[service] = callee
        return callee

    async def follow(self, service: str) -> None:
        """Listen to a service and ask once who is there; returns when the question is out."""
        async with self._following:
            if service not in self._watches and self._link.connected:
                if sum(each.seen is None for each in self._callees.values()) > STRANGERS:
                    raise Overloaded(
                        f"{service}: too many unknown services are being asked for; try again in {STRANGER_FOR:g} s",
                        retry_after=STRANGER_FOR,
                    )
                self._watches[service] = await self._link.watch(service, self.hear)
                await self._ask(self.callee(service))

    async def acquaint(self, service: str) -> None:
        """Wait until those of a service that was just asked for have answered, for 250 ms at most.

        All have once nobody new has for as long as the first took, and for 10 ms at least.
        """
        callee, began = self.callee(service), self._now()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WHO_TIMEOUT):
                await callee.heard.wait()
                pause = max(_SETTLED, self._now() - began)
                known = 0
                while known < len(callee.instances):
                    known = len(callee.instances)
                    await asyncio.sleep(pause)

    async def ask_again(self) -> None:
        """Ask all services who is there: after a reconnect, what was known may be old."""
        self._reconnected = self._now()
        for service in list(self._watches):
            await self._ask(self.callee(service))

    async def _ask(self, callee: Callee) -> None:
        callee.asked = self._now()
        callee.heard.clear()
        await self._link.ask_who(callee.service)

    def hear(self, message: Presence) -> None:
        """Take what an instance says of itself."""
        callee = self._callees.get(message.service)
        if callee is None:
            return
        now = self._now()
        if isinstance(message, Bye):
            callee.remove(message.instance)
            return
        callee.seen = now
        known = callee.instances.get(message.instance)
        if isinstance(message, Hello):
            callee.add(_instance(message, known, now))
            for endpoint in message.endpoints:
                callee.facts[endpoint.name] = Facts(endpoint.idempotent, endpoint.stream, endpoint.schema)
            callee.heard.set()
        elif known is not None:
            _refresh(callee, known, message, now)
        elif callee.asked is None or now - callee.asked >= ABSENT_FOR:
            self._tasks.spawn(self._ask(callee), f"who serves {callee.service}")

    def forget(self, service: str, instance: str) -> None:
        """Drop an instance that is gone."""
        self.callee(service).remove(instance)

    async def sweep(self) -> list[str]:
        """Drop instances that missed three heartbeats, and services that nobody ever answered for; return these."""
        now = self._now()
        for callee in self._callees.values():
            for instance in [each.id for each in callee.instances.values() if now - each.heard > GONE_AFTER]:
                callee.remove(instance)
        strangers = [
            callee.service
            for callee in self._callees.values()
            if callee.seen is None and now - max(callee.made, callee.asked or 0.0) > STRANGER_FOR
        ]
        for service in strangers:
            del self._callees[service]
            if (watch := self._watches.pop(service, None)) is not None:
                await watch.aclose()
        return strangers

    async def nobody(self, callee: Callee, endpoint: str, started: float, deadline: float, tries: int) -> None:
        """Decide what "no responders" in the queue group means: return to try again, or raise.

        A service never seen is asked for once and, unanswered for 250 ms, is not found; one seen in the last
        minute may be restarting, so the call waits for it until its deadline, two seconds at most.
        """
        operation = f"{callee.service}.{endpoint}"
        now = self._now()
        if not callee.seen_lately(now):
            await self._introduce(callee, operation, deadline)
        if callee.instances and not callee.offers(endpoint):
            offered = ", ".join(sorted({name for each in callee.instances.values() for name in each.endpoints}))
            raise NotFound(
                f"{operation}: {callee.service} has no endpoint {endpoint}; it has {offered or 'none'}",
                origin=Origin.WIRE,
            )
        pause = min(_FIRST_PAUSE * 2.0**tries, _LONGEST_PAUSE) * (0.5 + self._chance.random() / 2)
        if self._now() + pause >= min(deadline, started + RESTART_WINDOW):
            raise Absent(f"{operation}: no instance of {callee.service} is listening", origin=Origin.WIRE)
        await asyncio.sleep(pause)

    async def _introduce(self, callee: Callee, operation: str, deadline: float) -> None:
        now = self._now()
        fresh = callee.asked is None or now - callee.asked >= ABSENT_FOR
        if fresh:
            await self.follow(callee.service)
            if callee.asked is None or now - callee.asked >= ABSENT_FOR:
                await self._ask(callee)
        wait = min(WHO_TIMEOUT - (self._now() - (callee.asked or now)), deadline - self._now())
        if not callee.heard.is_set() and wait > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await callee.heard.wait()
        if not callee.heard.is_set() and self._now() - self._reconnected > RESTART_WINDOW:
            # Until then the others may be on their way back from the same outage.
            raise NotFound(
                f"{operation}: no service {callee.service} is known here; see `crossply services` for those that are",
                origin=Origin.WIRE,
            )

    async def aclose(self) -> None:
        """Listen to nobody any more."""
        watches, self._watches = list(self._watches.values()), {}
        await asyncio.gather(*(watch.aclose() for watch in watches))


def _instance(hello: Hello, known: Instance | None, now: float) -> Instance:
    instance = known or Instance(hello.instance, now, since=now)
    instance.heard = now
    instance.suspect = False
    instance.zone, instance.labels, instance.version = hello.zone, hello.labels, hello.version
    instance.endpoints = frozenset(endpoint.name for endpoint in hello.endpoints)
    return instance


def _refresh(callee: Callee, instance: Instance, heartbeat: Heartbeat, now: float) -> None:
    instance.heard = now
    callee.suspect(instance, suspect=False)
    if (instance.zone, instance.labels) != (heartbeat.zone, heartbeat.labels):
        instance.zone, instance.labels = heartbeat.zone, heartbeat.labels
        callee.changed()
