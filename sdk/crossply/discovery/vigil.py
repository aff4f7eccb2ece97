"""Find crashed and paused instances by asking: a ping when an attempt takes longer than it should."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.wire.link import Pong

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.discovery.catalog import Catalog
    from crossply.tasks import Tasks
    from crossply.wire.link import Link

LOOK_EVERY = 0.05
SLOW_AT_LEAST = 0.1
SLOW_AT_MOST = 0.5
SLOW_FACTOR = 3.0
PING_EVERY = 0.25
PING_TIMEOUT = 1.0


class Vigil:
    """Looks at the attempts in flight twenty times a second; pings an instance at most four times a second."""

    def __init__(self, link: Link, catalog: Catalog, tasks: Tasks, now: Clock) -> None:
        self._link = link
        self._catalog = catalog
        self._tasks = tasks
        self._now = now
        self._pinged: dict[str, float] = {}

    async def watch(self) -> None:
        """Wait a moment, then look."""
        await asyncio.sleep(LOOK_EVERY)
        self.look()

    def look(self) -> None:
        """Ping the instances whose oldest attempt takes thrice their usual latency, or half a second."""
        now = self._now()
        self._pinged = {instance: at for instance, at in self._pinged.items() if now - at < PING_EVERY}
        for (service, instance), (operation, age) in self._link.outstanding(SLOW_AT_LEAST).items():
            known = self._catalog.callee(service).instances.get(instance)
            usual = known.latency if known is not None else 0.0
            if (
                age <= min(SLOW_FACTOR * usual, SLOW_AT_MOST)
                or now - self._pinged.get(instance, -PING_EVERY) < PING_EVERY
            ):
                continue
            self._pinged[instance] = now
            self._tasks.spawn(self._ask(service, instance, operation), f"ping {instance}")

    async def _ask(self, service: str, instance: str, operation: str) -> None:
        pong = await self._link.ping(operation, instance, PING_TIMEOUT)
        callee = self._catalog.callee(service)
        known = callee.instances.get(instance)
        if pong is Pong.GONE:
            self._catalog.forget(service, instance)
            self._link.fail_attempts(service, instance)
        elif known is not None:
            # A silent one is paused or overloaded: its attempts may still be answered, new ones go elsewhere.
            callee.suspect(known, suspect=pong is Pong.SILENT)
