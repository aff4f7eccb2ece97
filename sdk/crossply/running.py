"""A mesh that runs: one link, what listens and speaks on it, and the order in which they start and stop."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from crossply.access.guard import guarding
from crossply.audit.audit import Audit
from crossply.audit.shipping import shipping
from crossply.clock import chance_of_loop, of_loop
from crossply.codec import Decoder
from crossply.connecting import Joined, reached
from crossply.control.feed import PolicyFeed
from crossply.discovery.catalog import Catalog
from crossply.discovery.presence import Presence
from crossply.discovery.vigil import Vigil
from crossply.errors import MeshError
from crossply.identity.asking import asking
from crossply.identity.place import Place
from crossply.identity.stranger import who
from crossply.keyring.following import following
from crossply.protection.admission import Admission
from crossply.protection.leases import Leases
from crossply.protection.rates import Rates
from crossply.protection.replies import Replies
from crossply.routing.inbound import Inbound
from crossply.routing.publishing import Publishing
from crossply.routing.routes import Routes
from crossply.stacks import Surroundings
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply.telemetry.outflow import Outflow
from crossply.wire.link import ConnectionEvent
from crossply_policy.documents import AdmissionPolicy

if TYPE_CHECKING:
    from crossply.config import MeshConfig
    from crossply.declared import Declared
    from crossply.handler import Handler, Request
    from crossply.telemetry.given import Exporters
    from crossply.wire.link import Closable, Connect
    from crossply.wire.presence import Hello
    from crossply_policy.snapshot import Snapshot

_LOOK_EVERY = 0.01
_THREADS = 32
PUBLISH_WITHIN = 60.0
_CALLED = 2048


class Running:
    """Everything that lives between ``start`` and ``stop``."""

    def __init__(
        self,
        declared: Declared,
        hello: Hello,
        config: MeshConfig,
        connect: Connect,
        exporters: Exporters = (),
    ) -> None:
        self._declared = declared
        self._config = config
        self._connect = connect
        self.member = who(config, declared.service)
        self.instance = self.member.instance
        labels = dict(config.labels)
        self._hello = replace(hello, instance=self.instance, zone=config.zone, labels=labels, started=time.time())
        self._log = get_logger("mesh").bind(service=declared.service, instance=self.instance)
        self.now, chance = of_loop(), chance_of_loop()
        self.outflow = Outflow(
            config,
            exporters,
            service=declared.service,
            version=hello.version,
            instance=self.instance,
            now=self.now,
            chance=chance,
        )
        self.recorder = self.outflow.recorder
        self.around = Surroundings(
            recorder=self.recorder,
            now=self.now,
            chance=chance,
            zone=config.zone,
            around_call=declared.layers["call"],
            around_attempt=declared.layers["attempt"],
        )
        self.admission = Admission(config.max_in_flight, self.now)
        self.intake = Admission(config.max_in_flight, self.now)
        self.intake.adopt(AdmissionPolicy(adaptive=False))
        self.rates = Rates(declared.service, self.now)
        self.audit = Audit()
        self._guard = guarding(config, declared.service, self.member, self.audit, chance)
        self.called: dict[tuple[str, Any], tuple[Handler, Decoder]] = {}
        self._tasks = Tasks(lambda name, error: self._log.error("task_failed", task=name, error=repr(error)))
        self._serving: list[Closable] = []
        self._subscribed: list[Closable] = []
        self._executor: ThreadPoolExecutor | None = None
        self._joining = asyncio.Lock()
        self.begun = False
        self.draining = False

    def calls(self, operation: str, returns: Any, handler: Handler) -> tuple[Handler, Decoder]:
        """Remember in ``called`` how an operation is called and its reply decoded; return both."""
        if len(self.called) >= _CALLED:
            self.called.clear()
        decoder = Decoder(Any if returns is None else returns, f"reply of {operation}")
        known = self.called[operation, returns] = (handler, decoder)
        return known

    async def start(self) -> None:
        """Connect, load policy, serve, and be known; raise ``Unavailable`` when no broker answers in time."""
        await self.member.begin()
        link = Joined(self._declared.service, self.member, self.audit, tuple(self._declared.subscriptions)).link(
            self._config
        )
        self.link = await reached(link, self._connect, self._config.connect_timeout, self.now, self._log)
        try:
            await self._begin()
        except BaseException:
            await self._tasks.aclose()
            await self.link.aclose()
            raise

    async def _begin(self) -> None:
        service = self._declared.service
        self.catalog = Catalog(self.link, self.instance, self._tasks, self.now, self.around.chance)
        self._feed = PolicyFeed(self.link, self.member.registry_key, self._adopt, self._tasks)
        self.routes = Routes(
            service, self.link, self.catalog, self._feed, self.around, self._tasks, self._guard, self.rates
        )
        self.publishing = Publishing(self.link, self.around, self._guard, self.rates, PUBLISH_WITHIN)
        replies = Replies(self.link.replies, self.now, time.time_ns)
        self._inbound = Inbound(
            service, self.around, self.admission, self.intake, self._guard, self.rates, replies, self._report
        )
        self._presence = Presence(
            self.link, self._hello, self._feed, self.recorder, self.around.chance, time.time_ns, self._config.state
        )
        self._presence.offer(self._declared.facts(), tuple(self._declared.subscriptions))
        self.link.on_event(self._happened)
        self.link.on_missing_stream(self._presence.missing)
        self._standing = self.member.standing(self._place())
        await self._feed.start()
        await self._feed.want(service)
        self.keys = following(self.member, self.link, self._declared, self.routes, self._feed, self.around, self._tasks)
        if self.keys is not None:
            self.routes.keys, self.publishing.keys = self.keys, self.keys
        await self._standing.start()
        self.begun = True
        await self.rejoin()
        self._shipping = shipping(self.audit, self._config, service, self.link.audit, self._tasks)
        self._tasks.for_ever(self._beat, "heartbeat")
        self._tasks.for_ever(Leases(self.link.shares, self.rates, self.now).renewing, "shares of rates")
        self._tasks.for_ever(self._presence.say_hello, "hello")
        vigil = Vigil(self.link, self.catalog, self._tasks, self.now)
        self._tasks.for_ever(vigil.watch, "vigil")
        self.outflow.start()
        self._tasks.for_ever(lambda: self.outflow.step(self.link.report), "telemetry")
        self._log.info("started", broker=self.link.server, revision=self._feed.revision)

    def _place(self) -> Place:
        return Place(
            link=self.link,
            tenant=self._config.tenant,
            bar=self._inbound.bar,
            ask=asking(self.routes.outbound, self.now),
            needs=tuple(self._declared.subscriptions),
            moves=self.around.moves,
            moved=self._moved,
            tasks=self._tasks,
        )

    def _adopt(self, snapshot: Snapshot) -> None:
        self.link.protect(snapshot.security)
        self._standing.adopt(snapshot.access)
        self.rates.adopt(snapshot)
        self.routes.adopt(snapshot)
        self.publishing.adopt(snapshot)
        self._inbound.adopt(snapshot)
        self.outflow.adopt(snapshot.kept_by(self._declared.service))
        self._tasks.spawn(self._presence.applied(snapshot.generation, snapshot.revision), "policy acknowledged")

    def _moved(self) -> None:
        for each in (self.routes, self.publishing, self._inbound):
            each.compose_again()
        self._tasks.spawn(self.catalog.ask_again(), "ask again who is there")

    def _happened(self, event: ConnectionEvent) -> None:
        if event is ConnectionEvent.RECONNECTED:
            self._log.info("reconnected", broker=self.link.server)
            self._tasks.spawn(self._caught_up(), "reconnected")
        elif event is ConnectionEvent.DISCONNECTED and not self.draining:
            self._log.warning("disconnected")

    async def _caught_up(self) -> None:
        if self._presence.present:
            await self.link.announce(self._presence.hello())
        await self.catalog.ask_again()
        await self._feed.catch_up()
        await self._standing.catch_up()

    async def _beat(self) -> None:
        await asyncio.sleep(self._presence.pause())
        await self._presence.beat()
        self.routes.forget(await self.catalog.sweep())

    async def rejoin(self) -> None:
        """Take calls and events, and say hello."""
        async with self._joining:
            if not self._presence.present:
                await self._join()

    async def _join(self) -> None:
        facts = self._declared.facts()
        for name, handler in self._declared.handlers(self._threads, self._report).items():
            prompt = self._declared.prompt(name)
            stack = self._inbound.endpoint(name, handler, facts[name], prompt=prompt)
            self._serving.append(await self.link.serve(name, stack, prompt=prompt))
        events = self._declared.event_handlers(self._threads, self._report)
        for pattern, (handler, concurrency) in events.items():
            stack = self._inbound.events(pattern, handler)
            self._subscribed.append(await self.link.subscribe(pattern, stack, concurrency=concurrency))
        # The subscriptions must be at the broker before anybody hears of them.
        await self.link.flush()
        await self._presence.join()

    async def withdraw(self) -> None:
        """Say bye and take nothing new; what was taken is finished within the policy's time, the connection stays.

        Until it is, the instance answers pings: a caller that asks after a call must not take it for lost.
        """
        self.check_outside("withdraw")
        async with self._joining:
            await self._leave()

    def check_outside(self, what: str) -> None:
        """Raise ``MeshError`` in a handler of this instance: what waits for all handlers would wait for itself."""
        if self.link.works_in(asyncio.current_task()):
            raise MeshError(
                f"await mesh.{what}() in a handler of {self._declared.service} waits for that handler to end;"
                f" let a task of its own do it: asyncio.create_task(mesh.{what}())"
            )

    async def _leave(self) -> None:
        until = self.now() + self.routes.snapshot.route(self._declared.service, "any").drain.timeout
        await self._presence.leave()
        serving, self._serving = self._serving, []
        subscribed, self._subscribed = self._subscribed, []
        try:
            async with asyncio.timeout(until - self.now()):
                await asyncio.gather(*(each.aclose() for each in (*serving, *subscribed)))
                while self.held:  # noqa: ASYNC110 - once in a process's life
                    await asyncio.sleep(_LOOK_EVERY)
        except TimeoutError:
            self._log.warning("drain_incomplete", in_flight=self.held)
        await self.link.retire()

    @property
    def held(self) -> int:
        """How many calls and events are being served, or wait to be."""
        return self.admission.held + self.intake.held

    def _threads(self) -> ThreadPoolExecutor:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix=self._declared.service)
        return self._executor

    def _report(self, request: Request, error: BaseException) -> None:
        self._log.error(
            "endpoint_raised",
            operation=request.operation,
            peer=request.peer.service if request.peer else "",
            trace_id=request.traceparent[3:35] if request.traceparent else "",
            error=f"{type(error).__name__}: {error}",
            exc_info=error,
        )

    async def stop(self) -> None:
        """Drain: say bye, finish what runs within the policy's time, close."""
        self.draining = True
        try:
            await self.withdraw()
            self.admission.draining = self.intake.draining = True
            await self.catalog.aclose()
            await self._feed.aclose()
            await self.outflow.aclose(self.link.report)
        finally:
            await self._tasks.aclose()
            await self._shipping.aclose()
            await self.link.aclose()
            if self._executor is not None:
                self._executor.shutdown(wait=False, cancel_futures=True)
