"""A running registry: the parts behind the HTTP API, started in order and stopped in reverse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crossply import wire
from crossply.clock import Clock, monotonic
from crossply.errors import Unavailable
from crossply.names import new_instance
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply.wire.credential import identity
from crossply.wire.link import Connect, LinkConfig, StoreUnavailable
from crossply_registry.audit import AuditLog
from crossply_registry.catalog.catalog import Catalog
from crossply_registry.catalog.watch import CatalogWatch
from crossply_registry.connecting import TRY_AGAIN, connected
from crossply_registry.feed import Feed
from crossply_registry.observed.watch import Observed
from crossply_registry.presence import SERVICE, OwnPresence
from crossply_registry.provisioning import Provisioning
from crossply_registry.revisions.log import RevisionLog
from crossply_registry.shares import Leasing

if TYPE_CHECKING:
    from crossply.wire.link import Link
    from crossply_registry.config import RegistryConfig

_CLOSING: Final = 0.5
_log = get_logger("registry")


class Starting(Exception):
    """The registry is not connected to a broker yet, or has not read its history."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What handlers use once everything runs."""

    link: Link
    revisions: RevisionLog
    catalog: Catalog
    provisioning: Provisioning
    observed: Observed
    audit: AuditLog


class Registry:
    """Owns the link and every task; ``started`` is unix seconds."""

    def __init__(self, config: RegistryConfig, *, connect: Connect = wire.connect, clock: Clock = monotonic) -> None:
        self._config = config
        self._connect = connect
        self._clock = clock
        self._tasks = Tasks(_failed)
        self._link: Link | None = None
        self._parts: Parts | None = None
        self._closing: list[Feed | CatalogWatch | OwnPresence | Observed | Leasing] = []
        self.instance = new_instance()
        self.started = time.time()

    @property
    def parts(self) -> Parts:
        """Return the running parts; raise ``Starting`` before they run."""
        if self._parts is None:
            raise Starting("registry is starting: waiting for the broker")
        return self._parts

    def identity_of(self, service: str) -> str:
        """Return who a service of this mesh is."""
        return identity(self._config.trust_domain, self._config.tenant, service)

    async def start(self) -> None:
        """Connect, read or begin the history, listen.

        Raise ``Unavailable`` when broker or store do not answer within ``connect_timeout``, ``RecordFault``
        when the history does not verify.
        """
        deadline = self._clock() + self._config.connect_timeout
        link = self._link = await connected(
            self._connect,
            LinkConfig(
                servers=self._config.servers,
                service=SERVICE,
                instance=self.instance,
                tenant=self._config.tenant,
                trust_domain=self._config.trust_domain,
                tls=self._config.tls,
            ),
            self._config.connect_timeout,
            self._clock,
        )
        key = self._config.signing_key()
        known = self._config.known_keys()
        feed = Feed(link, known, self._tasks)
        revisions = RevisionLog(link.store, key, feed.announce, known=known)
        await self._read(link, revisions, deadline)
        catalog = Catalog(self._clock)
        provisioning = Provisioning(link.streams, self._config.replicas, self._tasks, self._clock)
        watch = CatalogWatch(link, catalog, provisioning.declare, self._tasks, self._clock)
        presence = OwnPresence(link, self.instance, revisions, self._tasks)
        observed = Observed(link, self._clock)
        link.on_event(provisioning.connection)
        provisioning.start()
        audit = AuditLog(link.audit, self._config.replicas, self._tasks)
        link.on_event(audit.connection)
        audit.start()
        leasing = Leasing(link, self.instance, revisions, catalog, self._clock)
        for part in (watch, observed, presence, leasing):
            await part.start()
            self._closing.append(part)
        await feed.start(revisions)
        self._closing.append(feed)
        self._parts = Parts(link, revisions, catalog, provisioning, observed, audit)
        _log.info("ready", instance=self.instance, broker=link.server, place=revisions.contents.place)

    async def aclose(self) -> None:
        """Say bye, stop listening, close the link; a broker that does not answer is not waited for."""
        await _bounded(self._leave())
        await self._tasks.aclose()
        if self._link is not None:
            await _bounded(self._link.aclose())

    async def _leave(self) -> None:
        for part in reversed(self._closing):
            await part.aclose()

    async def _read(self, link: Link, revisions: RevisionLog, deadline: float) -> None:
        while True:
            try:
                await link.streams.ensure_bucket(self._config.replicas)
                await revisions.refresh()
                await revisions.sign_again()
                return
            except StoreUnavailable as error:
                if self._clock() + TRY_AGAIN >= deadline:
                    raise Unavailable(f"store does not answer: {error}; is JetStream enabled on the broker?") from error
                _log.warning("waiting_for_store", reason=str(error))
                await asyncio.sleep(TRY_AGAIN)


async def _bounded(closing: Coroutine[Any, Any, None]) -> None:
    try:
        await asyncio.wait_for(closing, _CLOSING)
    except Exception as error:  # noqa: BLE001 - whatever it is, the rest must still close
        _log.info("closed_late", reason=repr(error))


def _failed(name: str, error: BaseException) -> None:
    _log.error("task_failed", task=name, reason=repr(error))
