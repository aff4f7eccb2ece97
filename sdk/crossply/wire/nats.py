"""The link over NATS: assembles one connection's caller, server, events, presence and store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from crossply.clock import chance_of_loop, of_loop
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply.wire import credential, message, subjects
from crossply.wire.allowed import follow
from crossply.wire.announcing import Announcer, Watch
from crossply.wire.auditing import AuditOnWire, AuditStream
from crossply.wire.calling import Caller
from crossply.wire.delivery import Delivery
from crossply.wire.denials import Denials
from crossply.wire.dial import dial
from crossply.wire.jetstream import JetStream
from crossply.wire.keys import Keys, KeysOnWire
from crossply.wire.link import ConnectionEvent, EventHandler, LinkConfig
from crossply.wire.mux import Mux, disconnected, instance_gone
from crossply.wire.notices import Notices, NoticesOnWire
from crossply.wire.observing import Observer
from crossply.wire.provision import Provisioner
from crossply.wire.publishing import Publisher
from crossply.wire.senders import Sender, Senders
from crossply.wire.serving import Server
from crossply.wire.shares import SharesOnWire
from crossply.wire.store import Bucket
from crossply.wire.supervisor import Supervisor

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Iterable

    from crossply.clock import Clock
    from crossply.handler import Handler, Request, Response
    from crossply.wire.dial import Dial
    from crossply.wire.lease import SharesOfRates
    from crossply.wire.link import (
        AnnouncementHandler,
        AskedHandler,
        Closable,
        MicroHandler,
        MissingHandler,
        Pong,
        PresenceHandler,
        ReportHandler,
        Store,
        Streams,
    )
    from crossply.wire.presence import Presence
    from crossply.wire.sealed.link import SealedLink
    from crossply_policy.security import Securities


_LAST_REPLIES = 1.0


class NatsLink:
    """One instance's connection; see ``crossply.wire.link.Link`` for what each method promises."""

    def __init__(self, config: LinkConfig, dial: Dial = dial) -> None:
        self._config = config
        now = self._now = of_loop()
        self._log = get_logger("wire").bind(service=config.service, instance=config.instance)
        self._listeners: list[EventHandler] = []
        self._tasks = Tasks(self._report)
        self._sender, self._senders = Sender(_named(config)), Senders()
        self._mux = Mux(subjects.inbox(config.service, config.instance), now)
        self._watches: dict[str | None, Watch] = {}
        self._on_missing_stream: list[MissingHandler] = []
        broker = self._broker = Supervisor(
            config,
            dial,
            now,
            chance_of_loop(),
            on_event=self._happened,
            report=self._report,
            on_refusal=Denials(self._mux).told,
        )
        follow(config.renewals, broker, self._mux, now)
        jetstream = JetStream(broker, self._mux, now)
        sealed = self.sealed = _sealed(config, self._sender, now, jetstream, self._tasks)
        plain = Caller(broker, self._mux, self._sender, self._senders, now)
        self._caller = plain if sealed is None else sealed.caller(plain, broker, self._mux, self._senders)
        pack = partial(message.pack_event, self._sender) if sealed is None else sealed.events.pack
        self._publisher = Publisher(broker, jetstream, pack, now, self._stream_missing)
        server, sealing = (None, None) if sealed is None else (sealed.server, sealed.sealing)
        self._server = Server(config, broker, self._sender, self._senders, self._tasks, self._report, server)
        self._announcer = Announcer(config, broker, self._mux, self._sender, self._senders, self._report, sealing)
        self._observer = Observer(config, broker, self._sender, self._senders, self._report)
        self._store = Bucket(jetstream, subjects.bucket(config.tenant))
        replies = Bucket(jetstream, subjects.replies(config.tenant, config.service))
        self.replies: Store = replies if sealed is None else sealed.store(replies)
        self.shares: SharesOfRates = SharesOnWire(
            config, broker, self._mux, self._sender, self._senders, now, self._report
        )
        self.revoked: Notices = NoticesOnWire(broker, subjects.REVOKED, subjects.instance_group(config.instance))
        streams = self._streams = Provisioner(jetstream, config.tenant)
        self.audit: AuditStream = AuditOnWire(config, jetstream, streams, self._sender, self._senders)
        self.keys: Keys = KeysOnWire(config, broker, jetstream, streams)

    @classmethod
    async def connect(cls, config: LinkConfig, dial: Dial = dial) -> NatsLink:
        """Return a connected link; raise ``Unavailable`` when no broker answers in time."""
        link = cls(config, dial)
        await link._open()
        return link

    async def _open(self) -> None:
        broker = self._broker
        # No queue group here: nats-server answers "no responders" to plain subscriptions only (docs/decisions/0006).
        broker.listen(self._mux.prefix + b"*", self._mux.take)
        await broker.open()
        self._happened(ConnectionEvent.CONNECTED)

    def _report(self, what: str, error: BaseException) -> None:
        self._log.warning("wire_fault", what=what, error=str(error) or type(error).__name__)

    def _happened(self, event: ConnectionEvent) -> None:
        if event in {ConnectionEvent.DISCONNECTED, ConnectionEvent.CLOSED}:
            self._mux.fail(disconnected)
        for listener in list(self._listeners):
            try:
                listener(event)
            except Exception as error:  # noqa: BLE001 - a listener's fault must not stop what it is told of
                self._report(f"listener to {event.value}", error)

    def _stream_missing(self, family: str | None) -> None:
        for handler in self._on_missing_stream:
            try:
                handler(family)
            except Exception as error:  # noqa: BLE001 - it is no fault of the publisher's or of the subscription's
                self._report("listener to missing streams", error)

    @property
    def connected(self) -> bool:
        """Whether the broker is connected now."""
        return self._broker.connected

    @property
    def server(self) -> str:
        """The broker's address, without credentials."""
        return self._broker.server

    def on_event(self, handler: EventHandler) -> None:
        """Call ``handler`` at every connection event."""
        self._listeners.append(handler)

    def on_missing_stream(self, handler: MissingHandler) -> None:
        """Call ``handler(family)`` when nothing stores a family, ``handler(None)`` when a consumer is missing."""
        self._on_missing_stream.append(handler)

    def protect(self, securities: Securities) -> None:
        """Seal, and take, what these say."""
        if self.sealed is not None:
            self.sealed.sealing.adopt(securities)
            # What was taken unsealed before may not be any more.
            self._server.forget()

    def call(self, request: Request) -> Awaitable[Response]:
        """Send one attempt and return its reply."""
        return self._caller.call(request)

    async def publish(self, request: Request) -> Response:
        """Store one event."""
        return await self._publisher.publish(request)

    async def serve(self, endpoint: str, handler: Handler, *, prompt: bool = False) -> Closable:
        """Take calls to an endpoint."""
        return self._server.serve(endpoint, handler, prompt=prompt)

    def works_in(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether a call or an event is served in that task."""
        return self._tasks.owns(task)

    async def retire(self) -> None:
        """Stop listening to what addresses this instance."""
        await self._server.retire()

    async def subscribe(self, pattern: str, handler: Handler, *, concurrency: int = 16) -> Closable:
        """Deliver the events of a channel pattern."""
        delivery = Delivery(
            self._config.service,
            pattern,
            handler,
            concurrency=concurrency,
            broker=self._broker,
            mux=self._mux,
            senders=self._senders,
            tasks=self._tasks,
            now=self._now,
            report=self._report,
            on_missing=lambda: self._stream_missing(None),
            sealed=None if self.sealed is None else self.sealed.events,
        )
        delivery.start()
        return delivery

    async def serve_micro(self, handler: MicroHandler) -> Closable:
        """Answer NATS micro."""
        return await self._announcer.serve_micro(self._config.service, handler)

    def places(self, endpoints: Iterable[str]) -> dict[str, str]:
        """Map each endpoint to the subject of its queue group."""
        return {endpoint: subjects.any_instance(self._config.service, endpoint) for endpoint in endpoints}

    async def announce(self, message: Presence) -> None:
        """Say hello, heartbeat or bye."""
        await self._announcer.announce(message)

    async def answer_who(self, handler: AskedHandler) -> Closable:
        """Answer whoever asks who serves this service."""
        return await self._announcer.answer_who(handler)

    async def watch(self, service: str | None, handler: PresenceHandler) -> Closable:
        """Listen to presence."""
        watch = self._watches[service] = self._announcer.watch(
            service, handler, lambda: self._watches.pop(service, None)
        )
        return watch

    async def ask_who(self, service: str) -> None:
        """Ask who serves a service."""
        watch = self._watches.get(service) or self._watches.get(None)
        if watch is not None:
            await self._announcer.ask_who(service, watch.token)

    async def ping(self, operation: str, instance: str, timeout: float) -> Pong:
        """Ask an instance whether it lives."""
        return await self._caller.ping(operation, instance, timeout)

    def fail_attempts(self, service: str, instance: str) -> int:
        """Fail the attempts in flight to an instance."""
        return self._mux.fail(instance_gone, service=service, instance=instance)

    def outstanding(self, older_than: float) -> dict[tuple[str, str], tuple[str, float]]:
        """Return the oldest attempt in flight of each instance."""
        return self._mux.outstanding(older_than)

    async def announce_head(self, message: bytes) -> None:
        """Publish a policy announcement."""
        if self._broker.connected:
            self._broker.send(subjects.HEAD.encode(), message)

    async def watch_head(self, handler: AnnouncementHandler) -> Closable:
        """Listen to policy announcements."""

        def heard(_subject: bytes, _reply: bytes, data: bytes, _headers: bytes) -> None:
            handler(data)

        group = subjects.instance_group(self._config.instance).encode()
        return self._broker.listen(subjects.HEAD.encode(), heard, queue=group)

    def report(self, body: bytes) -> bool:
        """Tell what happened here."""
        return self._observer.send(body)

    async def watch_reports(self, handler: ReportHandler) -> Closable:
        """Hear what all instances report."""
        return self._observer.watch(handler)

    @property
    def store(self) -> Store:
        """The tenant's bucket."""
        return self._store

    @property
    def streams(self) -> Streams:
        """Streams and consumers."""
        return self._streams

    async def flush(self, timeout: float = 5.0) -> None:
        """Return when the broker has taken everything sent so far."""
        await self._broker.flush(timeout)

    async def aclose(self) -> None:
        """Finish what runs and close."""
        # Replies that are being written must reach the broker; what runs for ever was ended by its own aclose.
        await self._tasks.drain(_LAST_REPLIES)
        await self._tasks.aclose()
        await self._broker.aclose()
        self._mux.fail(disconnected)
        self._mux.close_all()


def _named(config: LinkConfig) -> credential.Credential:
    identity = credential.identity(config.trust_domain, config.tenant, config.service)
    return credential.Credential(identity=identity, instance=config.instance)


def _sealed(config: LinkConfig, sender: Sender, now: Clock, jetstream: JetStream, tasks: Tasks) -> SealedLink | None:
    if config.keys is None:
        return None
    # Not before somebody has keys: who has none needs no cryptography either.
    from crossply.wire.sealed.link import SealedLink

    return SealedLink.over(jetstream, config, config.keys, sender, now, tasks)
