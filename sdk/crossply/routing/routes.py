"""The outbound stacks of a process: one for each operation it calls, rebuilt when a new snapshot is adopted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply import stacks
from crossply.handler import Request, Response
from crossply.names import new_id
from crossply.routing.chooser import Chooser
from crossply.routing.eligible import Eligible
from crossply.routing.held import Held, Protection
from crossply.routing.picker import InTurn, LeastLatency
from crossply.routing.ring import ByKey
from crossply.routing.warmth import Warmth
from crossply_policy import names
from crossply_policy.documents import RetryPolicy
from crossply_policy.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.control.feed import PolicyFeed
    from crossply.discovery.catalog import Catalog
    from crossply.handler import Facts, Handler
    from crossply.routing.instances import Callee
    from crossply.routing.outliers import Outliers
    from crossply.routing.picker import Picker
    from crossply.stacks import Surroundings
    from crossply.tasks import Tasks
    from crossply.wire.link import Link
    from crossply_policy.snapshot import Route

_PREPARE_TIMEOUT = 0.5
_OPERATIONS = 2048


class Routes:
    """Finds the stack of an operation: composed on its first call, and again after each adoption."""

    def __init__(
        self, link: Link, catalog: Catalog, feed: PolicyFeed, around: Surroundings, tasks: Tasks, zone: str = ""
    ) -> None:
        self._link = link
        self._tasks = tasks
        self._preparing: dict[str, asyncio.Task[None]] = {}
        self._catalog = catalog
        self._feed = feed
        self._around = around
        self._calling: dict[str, Handler] = {}
        self._stacks: dict[str, Handler] = {}
        self._zone = zone
        self.held = Held(around.now)
        self._known: set[str] = set()
        self.snapshot = Snapshot()

    def adopt(self, snapshot: Snapshot) -> None:
        """Use a new snapshot from the next call on; calls in flight finish on the stack they began on."""
        self.snapshot, self._stacks = snapshot, {}
        self.held.keep(snapshot)

    def forget(self, services: list[str]) -> None:
        """Drop what belongs to services that do not exist."""
        for service in services:
            self._known.discard(service)
            self._feed.unwant(service)
            self.held.forget(service)
            for operation in [each for each in self._calling if each.partition(".")[0] == service]:
                del self._calling[operation]
                self._stacks.pop(operation, None)

    def outbound(self, operation: str) -> Handler:
        """Return a handler that always calls through the newest stack; raise ``NameFault`` for a bad name."""
        known = self._calling.get(operation)
        if known is None:
            caller = self._caller(operation)
            if len(self._calling) >= _OPERATIONS:
                # Names may come from outside, through a gateway; what is dropped is composed again when it is called.
                self._calling.clear()
                self._stacks.clear()
            known = self._calling[operation] = caller
        return known

    def _caller(self, operation: str) -> Handler:
        service, endpoint = names.operation(operation)

        told: Facts | None = None

        async def calling(request: Request) -> Response:
            nonlocal told
            request.id = request.id or new_id()
            stack = self._stacks.get(operation)
            if stack is None:
                await self._prepare(service, request.deadline)
                stack = self._compose(service, endpoint)
                if service in self._known:
                    self._stacks[operation] = stack
            response = await stack(request)
            facts = response.facts
            if facts is not None and facts is not told:
                told = facts
                self._catalog.callee(service).facts[endpoint] = facts
            return response

        return calling

    async def _prepare(self, service: str, deadline: float) -> None:
        """Before the first calls to a service: listen to it, and have the policy that concerns it.

        All of them wait for the same preparation, half a second at most; without it a call goes by what is known,
        and the next one finds it done. Raises ``Overloaded`` when too many unknown services are being asked for.
        """
        if service in self._known or not self._link.connected:
            return
        preparing = self._preparing.get(service)
        if preparing is None:
            preparing = self._preparing[service] = self._tasks.spawn(
                self._introduce(service), f"first call to {service}"
            )
            preparing.add_done_callback(lambda _: self._preparing.pop(service, None))
        left = max(0.0, min(_PREPARE_TIMEOUT, deadline - self._around.now()))
        await asyncio.wait({preparing}, timeout=left)
        if preparing.done() and not preparing.cancelled() and (fault := preparing.exception()) is not None:
            raise fault

    async def _introduce(self, service: str) -> None:
        await asyncio.gather(self._catalog.follow(service), self._feed.want(service))
        self._known.add(service)

    def _compose(self, service: str, endpoint: str) -> Handler:
        route = self.snapshot.route(service, endpoint)
        callee = self._catalog.callee(service)

        def idempotent(request: Request) -> bool:
            if request.idempotent is not None:
                return request.idempotent
            if route.idempotent is not None:
                return route.idempotent
            facts = callee.facts.get(endpoint)
            return facts is not None and facts.idempotent

        chooses = route.balance.method != "queue"
        outliers = self.held.outliers(callee, route.outlier) if route.outlier.enabled and chooses else None
        return stacks.outbound(
            route,
            self._chooser(route, callee, endpoint, outliers),
            around=self._around,
            catalog=self._catalog,
            budget=self.held.budget(service, (route.retry or RetryPolicy()).budget),
            protection=Protection(
                breakers=self.held.breakers(service, route.breaker) if route.breaker.enabled else None,
                slots=self.held.slots(service, route.limit) if route.limit.enabled else None,
                latencies=self.held.latencies(service, endpoint) if route.hedge.enabled else None,
                outliers=outliers,
            ),
            idempotent=idempotent,
            wire=self._link.call,
        )

    def _chooser(self, route: Route, callee: Callee, endpoint: str, outliers: Outliers | None) -> Chooser:
        """Return how instances are chosen; who may be chosen is only asked where more than suspicion decides."""
        policy = route.balance
        asks = outliers is not None or policy.panic > 0 or (self._zone and policy.zone == "first")
        eligible = Eligible(policy, self._zone, outliers) if asks else None
        return Chooser(callee, endpoint, self._picker(route), eligible, outliers)

    def _picker(self, route: Route) -> Picker | None:
        chance = self._around.chance
        warmth = Warmth(route.warmup, chance)
        match route.balance.method:
            case "queue":
                return None
            case "round_robin":
                return InTurn(chance, warmth)
            case "hash":
                return ByKey(LeastLatency(chance, warmth))
            case "least_latency":
                return LeastLatency(chance, warmth)


def publishing(link: Link, around: Surroundings, within: float) -> Callable[[str], Handler]:
    """Return how to get the handler of events to a channel; raises ``NameFault`` for a bad name."""
    stack = stacks.publishing(around=around, within=within, wire=link.publish)

    async def publishing_event(request: Request) -> Response:
        request.id = request.id or new_id()
        return await stack(request)

    def to(channel: str) -> Handler:
        names.channel(channel)
        return publishing_event

    return to
