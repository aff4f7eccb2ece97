"""Feeds the catalog from the wire: listens to all presence, asks about strangers, forgets the silent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply.errors import CallError
from crossply.telemetry.logs import get_logger
from crossply.wire.link import ConnectionEvent
from crossply.wire.presence import Bye, Hello, Presence
from crossply_registry.catalog.catalog import Catalog, Full

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply.tasks import Tasks
    from crossply.wire.link import Closable, Link

_SWEEP: Final = 1.0
_ASK_AGAIN: Final = 2.0
_WARN_AGAIN: Final = 60.0
_log = get_logger("registry.catalog")


class CatalogWatch:
    """Owns the subscription; ``on_hello`` hears every declaration that the catalog took."""

    def __init__(
        self, link: Link, catalog: Catalog, on_hello: Callable[[Hello], None], tasks: Tasks, clock: Clock
    ) -> None:
        self._link = link
        self._catalog = catalog
        self._on_hello = on_hello
        self._tasks = tasks
        self._clock = clock
        self._asked: dict[str, float] = {}
        self._warned = -_WARN_AGAIN
        self._watch: Closable | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self._link.on_event(self.connection)
        self._watch = await self._link.watch(None, self.heard)
        self._tasks.spawn(self._sweep(), "forget the silent")

    async def aclose(self) -> None:
        """Stop listening; the tasks end with their owner."""
        if self._watch is not None:
            await self._watch.aclose()

    def heard(self, presence: Presence) -> None:
        """Take in one presence message."""
        try:
            known = self._catalog.hear(presence)
        except Full:
            self._warn_full(presence)
            return
        if not known:
            self._ask(presence.service)
        elif isinstance(presence, Hello):
            self._on_hello(presence)
        elif isinstance(presence, Bye):
            _log.info("instance_left", service=presence.service, instance=presence.instance)

    def connection(self, event: ConnectionEvent) -> None:
        """Be patient with everyone after a time without the broker."""
        if event is ConnectionEvent.RECONNECTED:
            self._catalog.excuse()

    def forget_silent(self) -> None:
        """Remove who is gone; while the broker is away, silence says nothing."""
        if not self._link.connected:
            return
        for instance in self._catalog.forget_silent():
            _log.warning("instance_silent", service=instance.hello.service, instance=instance.hello.instance)
        oldest = self._clock() - _ASK_AGAIN
        self._asked = {service: at for service, at in self._asked.items() if at > oldest}

    def _ask(self, service: str) -> None:
        """Ask the whole service once, however many of its instances are strangers."""
        now = self._clock()
        if now - self._asked.get(service, -_ASK_AGAIN) < _ASK_AGAIN or len(self._asked) > len(self._catalog) + 256:
            return
        self._asked[service] = now
        self._tasks.spawn(self._who(service), "ask who serves")

    async def _who(self, service: str) -> None:
        try:
            await self._link.ask_who(service)
        except CallError as error:
            _log.info("service_not_asked", service=service, reason=str(error))

    def _warn_full(self, presence: Presence) -> None:
        now = self._clock()
        if now - self._warned >= _WARN_AGAIN:
            self._warned = now
            _log.warning("catalog_full", service=presence.service, instances=len(self._catalog))

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            self.forget_silent()
