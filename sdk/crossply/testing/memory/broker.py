"""The broker: carries bytes between the links of one process, and can fail in the ways a real one does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from crossply.clock import chance
from crossply.errors import Origin, Unavailable
from crossply.handler import Peer
from crossply.testing.memory.events import Events
from crossply.testing.memory.link import MemoryLink
from crossply.testing.memory.store import Bucket
from crossply.wire.link import ConnectionEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crossply.mesh import Mesh
    from crossply.wire.link import Link, LinkConfig, ReportHandler

MAX_PAYLOAD = 1024 * 1024


class MemoryBroker:
    """Stands in for a NATS server: ``Mesh("orders", connect=broker.connect)``.

    It provides for events by itself, as the registry does in a real mesh; with ``provision=False`` somebody
    must create streams and consumers through ``link.streams``. ``seed`` makes the choices of its queue groups
    repeatable; ``max_payload`` is in bytes.
    """

    def __init__(self, *, provision: bool = True, seed: int = 0, max_payload: int = MAX_PAYLOAD) -> None:
        self.max_payload = max_payload
        self.up = True
        self.chance = chance(seed)
        self.events = Events(provision=provision)
        self.links: dict[str, MemoryLink] = {}
        self.reports: list[ReportHandler] = []
        self.audits: dict[bytes, tuple[Peer, bytes]] = {}
        self._buckets: dict[str, Bucket] = {}

    async def connect(self, config: LinkConfig) -> Link:
        """Return a new link; raise ``Unavailable`` when the broker is away for the config's timeout."""
        if not self.up:
            await asyncio.sleep(config.connect_timeout)
        if not self.up:
            raise Unavailable(
                f"broker in memory did not accept a connection within {config.connect_timeout:g} s",
                origin=Origin.WIRE,
            )
        link = MemoryLink(config, self)
        self.links[config.instance] = link
        return link

    def adopt(self, mesh: Mesh) -> Mesh:
        """Have a mesh connect here from its next start on; return it. For one that a module made: ``orders.mesh``."""
        mesh.connect_with(self.connect)
        return mesh

    def bucket(self, tenant: str) -> Bucket:
        """Return a tenant's key-value bucket, empty at first."""
        return self._buckets.setdefault(tenant, Bucket())

    def stop(self) -> None:
        """Go away: every link is disconnected, what was stored is kept."""
        self.up = False
        for link in list(self.links.values()):
            link.lost(ConnectionEvent.DISCONNECTED)

    def start(self) -> None:
        """Come back after ``stop``: every link reconnects."""
        self.up = True
        for link in list(self.links.values()):
            link.found()

    def crash(self, instance: str) -> None:
        """Take an instance out as ``kill -9`` does: no bye, no replies; its events come again."""
        link = self.links.pop(instance)
        self.events.crashed(link)
        link.crash()

    def freeze(self, instance: str) -> None:
        """Pause an instance, as ``SIGSTOP`` does: it is there and does not answer, not even a ping."""
        self.links[instance].freeze()

    def thaw(self, instance: str) -> None:
        """Let a frozen instance go on with what has come in meanwhile."""
        self.links[instance].thaw()

    def micro(self, verb: str, service: str | None = None, instance: str | None = None) -> list[dict[str, Any]]:
        """Return the answers to NATS micro's PING, INFO or STATS, of all, of a service or of one instance."""
        return [
            answer
            for link in self.present()
            if service in {None, link.service} and instance in {None, link.instance}
            for answer in link.micro_answers(verb)
        ]

    def reported(self, link: MemoryLink, body: bytes) -> bool:
        """Hand a report to all who watch."""
        for handler in list(self.reports):
            handler(Peer(link.service, link.instance), body)
        return True

    def present(self) -> Iterator[MemoryLink]:
        """Yield the links that are connected."""
        return (link for link in list(self.links.values()) if link.connected)

    def member(self, service: str, endpoint: str, instance: str | None) -> MemoryLink | None:
        """Return who takes a call: the instance named, or one of the group at random; ``None`` for nobody."""
        if instance is not None:
            link = self.links.get(instance)
            return link if link is not None and link.service == service and link.listens else None
        group = [each for each in self.present() if each.service == service and each.takes(endpoint)]
        return group[int(self.chance.random() * len(group))] if group else None
