"""One instance's link to the broker in memory: everything is packed and unpacked as on the wire."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from crossply.clock import of_loop
from crossply.errors import NotConnected, Origin
from crossply.tasks import Tasks
from crossply.testing.memory.auditing import MemoryAudit
from crossply.testing.memory.calling import Calling
from crossply.testing.memory.keys import MemoryKeys
from crossply.testing.memory.listening import Listening
from crossply.testing.memory.notices import MemoryNotices
from crossply.testing.memory.presence import Presences
from crossply.testing.memory.serving import Serving
from crossply.testing.memory.shares import MemoryShares
from crossply.testing.memory.store import MemoryStore, MemoryStreams
from crossply.testing.memory.subscribing import Subscribing
from crossply.wire import credential
from crossply.wire.link import ConnectionEvent
from crossply.wire.plans import KEPT_FOR
from crossply.wire.senders import Sender, Senders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crossply.handler import Handler, Request, Response
    from crossply.testing.memory.broker import MemoryBroker
    from crossply.wire.auditing import AuditStream
    from crossply.wire.link import (
        AnnouncementHandler,
        AskedHandler,
        Closable,
        EventHandler,
        LinkConfig,
        MicroHandler,
        MissingHandler,
        Pong,
        PresenceHandler,
        ReportHandler,
        Store,
        Streams,
    )
    from crossply.wire.presence import Presence

_LAST_REPLIES = 1.0


class MemoryLink:
    """See ``crossply.wire.link.Link`` for what each method promises; ``faults`` lists what was dropped."""

    def __init__(self, config: LinkConfig, broker: MemoryBroker) -> None:
        self.service, self.instance = config.service, config.instance
        self.broker = broker
        self.now = of_loop()
        self.faults: list[tuple[str, BaseException]] = []
        self.tasks = Tasks(self.fault)
        self.works_in = self.tasks.owns
        identity = credential.identity(config.trust_domain, config.tenant, config.service)
        own = credential.Credential(identity=identity, instance=config.instance)
        self.sender, self.senders = Sender(own), Senders()
        self._connection = asyncio.Event()
        self._connection.set()
        self._frozen = False
        self._held: list[Callable[[], object]] = []
        self._listeners: list[EventHandler] = []
        self._missing: list[MissingHandler] = []
        self._heads: list[AnnouncementHandler] = []
        self._micro: list[MicroHandler] = []
        self._calling = Calling(self)
        self._serving = Serving(self)
        self._presences = Presences(self)
        self._subscribing = Subscribing(self)
        self.store: Store = MemoryStore(self, broker.bucket(config.tenant))
        self.replies: Store = MemoryStore(self, broker.bucket(f"replies of {config.tenant}"), KEPT_FOR)
        self.shares = MemoryShares(self)
        self.revoked = MemoryNotices(self)
        self.keys = MemoryKeys(self, config.tenant)
        self.audit: AuditStream = MemoryAudit(self)
        self.streams: Streams = MemoryStreams(self, broker.events)

    # What the broker does with it.

    @property
    def awake(self) -> bool:
        """Whether it is connected and takes what it gets."""
        return self.connected and not self._frozen

    @property
    def listens(self) -> bool:
        """Whether calls that address this instance reach it."""
        return self.connected and self._serving.any

    def takes(self, endpoint: str) -> bool:
        """Whether it is in its service's queue group for an endpoint."""
        return self.connected and self._serving.takes(endpoint)

    def receive(self, work: Callable[[], object]) -> None:
        """Do ``work`` for a message that has arrived: on a later turn of the loop, and not while frozen."""
        if self._frozen:
            self._held.append(work)
        elif self.connected:
            asyncio.get_running_loop().call_soon(work)

    def take(self, endpoint: str, payload: bytes, reply: Callable[[bytes], None]) -> None:
        """Take a call or a ping."""
        self.receive(lambda: self._serving.take(endpoint, payload, reply))

    def hear(self, service: str, raw: bytes) -> None:
        """Take somebody's presence."""
        self.receive(lambda: self._presences.hear(service, raw))

    def asked(self, service: str, raw: bytes, reply: Callable[[bytes], None]) -> None:
        """Take the question who serves ``service``."""
        self.receive(lambda: self._presences.asked(service, raw, reply))

    def head(self, message: bytes) -> None:
        """Take a policy announcement."""
        for handler in list(self._heads):
            self.receive(partial(handler, message))

    def micro_answers(self, verb: str) -> list[dict[str, Any]]:
        """Return what it answers to a question of NATS micro."""
        return [handler(verb) for handler in self._micro]

    def freeze(self) -> None:
        """Keep what arrives, without looking at it."""
        self._frozen = True

    def thaw(self) -> None:
        """Look at what has been kept."""
        self._frozen = False
        held, self._held = self._held, []
        for work in held:
            self.receive(work)
        self.broker.events.pump()

    def lost(self, event: ConnectionEvent) -> None:
        """Lose the connection: what is in flight fails."""
        self._connection.clear()
        self._calling.fail_all()
        for listener in list(self._listeners):
            listener(event)

    def found(self) -> None:
        """Have the connection again."""
        self._connection.set()
        for listener in list(self._listeners):
            listener(ConnectionEvent.RECONNECTED)
        self.broker.events.pump()

    def crash(self) -> None:
        """End at once; nothing that runs here is heard of again."""
        self._connection.clear()
        self._calling.fail_all()
        self._serving.clear()
        self.tasks.cancel()

    async def reconnected(self) -> None:
        """Wait until there is a connection."""
        await self._connection.wait()

    async def ready(self, what: str, deadline: float) -> None:
        """Wait for the connection; raise ``Unavailable`` when it does not come back by the deadline."""
        if self.connected:
            return
        limit = None if math.isinf(deadline) else max(0.0, deadline - self.now())
        try:
            async with asyncio.timeout(limit):
                await self.reconnected()
        except TimeoutError:
            raise NotConnected(
                f"{what}: not connected to the broker, and it did not come back in time", origin=Origin.WIRE
            ) from None

    def fault(self, what: str, error: BaseException) -> None:
        """Note what was dropped, and why."""
        self.faults.append((what, error))

    # What ``Link`` promises.

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._connection.is_set()

    @property
    def server(self) -> str:
        """The broker's address."""
        return "memory" if self.connected else ""

    def on_event(self, handler: EventHandler) -> None:
        """Call ``handler`` at every connection event."""
        self._listeners.append(handler)

    def on_missing_stream(self, handler: MissingHandler) -> None:
        """Call ``handler`` with the family that no stream keeps, with ``None`` when a consumer is missing."""
        self._missing.append(handler)

    def missing(self, family: str | None) -> None:
        """Tell that a stream, or a consumer, is missing."""
        for handler in list(self._missing):
            handler(family)

    async def call(self, request: Request) -> Response:
        """Send one attempt and return its reply."""
        return await self._calling.call(request)

    async def publish(self, request: Request) -> Response:
        """Store one event."""
        return await self._subscribing.publish(request)

    async def serve(self, endpoint: str, handler: Handler, *, prompt: bool = False) -> Closable:  # noqa: ARG002 - all run in tasks
        """Take calls to an endpoint."""
        return self._serving.serve(endpoint, handler)

    async def retire(self) -> None:
        """Stop listening to what addresses this instance."""
        self._serving.clear()

    async def subscribe(self, pattern: str, handler: Handler, *, concurrency: int = 16) -> Closable:
        """Deliver the events of a channel pattern."""
        return self._subscribing.subscribe(pattern, handler, concurrency)

    async def serve_micro(self, handler: MicroHandler) -> Closable:
        """Answer NATS micro."""
        return Listening(self._micro, handler)

    def places(self, endpoints: Iterable[str]) -> dict[str, str]:
        """Map each endpoint to a name for where its queue group listens."""
        return {endpoint: f"memory/{self.service}/{endpoint}" for endpoint in endpoints}

    async def announce(self, message: Presence) -> None:
        """Say hello, heartbeat or bye."""
        self._presences.announce(message)

    async def answer_who(self, handler: AskedHandler) -> Closable:
        """Answer whoever asks who serves this service."""
        return self._presences.answer_who(handler)

    async def watch(self, service: str | None, handler: PresenceHandler) -> Closable:
        """Listen to presence."""
        return self._presences.watch(service, handler)

    async def ask_who(self, service: str) -> None:
        """Ask who serves a service."""
        self._presences.ask_who(service)

    async def ping(self, operation: str, instance: str, timeout: float) -> Pong:
        """Ask an instance whether it lives."""
        return await self._calling.ping(operation, instance, timeout)

    def protect(self, securities: object) -> None:
        """Do nothing: in memory there is nobody to seal against."""

    def fail_attempts(self, service: str, instance: str) -> int:
        """Fail the attempts in flight to an instance."""
        return self._calling.fail_attempts(service, instance)

    def outstanding(self, older_than: float) -> dict[tuple[str, str], tuple[str, float]]:
        """Return the oldest attempt in flight of each instance."""
        return self._calling.outstanding(older_than)

    async def announce_head(self, message: bytes) -> None:
        """Publish a policy announcement."""
        if self.connected:
            for link in self.broker.present():
                link.head(message)

    async def watch_head(self, handler: AnnouncementHandler) -> Closable:
        """Listen to policy announcements."""
        return Listening(self._heads, handler)

    def report(self, body: bytes) -> bool:
        """Tell what happened here."""
        return self.connected and self.broker.reported(self, body)

    async def watch_reports(self, handler: ReportHandler) -> Closable:
        """Hear what all instances report."""
        return Listening(self.broker.reports, handler)

    async def flush(self, timeout: float = 5.0) -> None:  # noqa: ARG002 - it takes no time
        """Let everything sent so far arrive."""
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        """Finish what runs and leave the broker."""
        await self.tasks.drain(_LAST_REPLIES)
        await self.tasks.aclose()
        self._serving.clear()
        if self.broker.links.get(self.instance) is self:
            del self.broker.links[self.instance]
        self._connection.clear()
        self._calling.fail_all()
        for listener in list(self._listeners):
            listener(ConnectionEvent.CLOSED)
