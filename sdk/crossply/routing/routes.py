"""The outbound stacks of a process: one for each operation it calls, rebuilt when a new snapshot is adopted."""

from __future__ import annotations

import asyncio
import math
from functools import partial
from typing import TYPE_CHECKING

from crossply import stacks
from crossply.context import AMBIENT
from crossply.handler import Request, Response
from crossply.names import new_id
from crossply.routing.chooser import chooser
from crossply.routing.held import Held, Protection
from crossply.routing.mirrors import Mirrors
from crossply.routing.steering import steered
from crossply.routing.subsets import Subsets
from crossply.stacks import Steering
from crossply_policy import names
from crossply_policy.rules import routes_for
from crossply_policy.snapshot import Snapshot
from crossply_policy.traffic import MirrorPolicy, operation_at

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crossply.access.guard import Guard
    from crossply.control.feed import PolicyFeed
    from crossply.discovery.catalog import Catalog
    from crossply.handler import Handler
    from crossply.protection.rates import Rates
    from crossply.routing.outliers import Outliers
    from crossply.routing.wanting import Wanting
    from crossply.stacks import Surroundings
    from crossply.tasks import Tasks
    from crossply.wire.link import Link
    from crossply_policy.snapshot import Route
    from crossply_policy.traffic import TrafficPolicy

_PREPARE_TIMEOUT = 0.5
_OPERATIONS = 2048
_FROM, _COPIES = ">", "copies"
"""Neither can be part of a name: a stack's key is its operation, after those that led there."""


class Routes:
    """Finds the stack of an operation: composed on its first call, and again after each adoption."""

    def __init__(
        self,
        service: str,
        link: Link,
        catalog: Catalog,
        feed: PolicyFeed,
        around: Surroundings,
        tasks: Tasks,
        guard: Guard,
        rates: Rates,
    ) -> None:
        self._service = service
        self._link = link
        self._guard = guard
        self._rates = rates
        self._tasks = tasks
        self._preparing: dict[str, asyncio.Task[None]] = {}
        self._catalog = catalog
        self._feed = feed
        self._around = around
        self._calling: dict[str, Handler] = {}
        self._stacks: dict[str, Handler] = {}
        self.held = Held(around.now)
        self._mirrors = Mirrors(tasks, around.recorder)
        self._known: set[str] = set()
        self.snapshot = Snapshot()
        self.keys: Wanting | None = None

    def adopt(self, snapshot: Snapshot) -> None:
        """Use a new snapshot from the next call on; calls in flight finish on the stack they began on."""
        self.snapshot, self._stacks = snapshot, {}
        self.held.keep(snapshot)

    def compose_again(self) -> None:
        """Use stacks of the same snapshot that are composed anew."""
        self._stacks = {}

    def forget(self, services: list[str]) -> None:
        """Drop what belongs to services that do not exist."""
        for service in services:
            self._known.discard(service)
            self._feed.unwant(service)
            if self.keys is not None:
                self.keys.unwant(service)
            self.held.forget(service)
            for operation in [each for each in self._calling if each.partition(".")[0] == service]:
                del self._calling[operation]
            for key in [each for each in self._stacks if _callee_of(each) == service]:
                del self._stacks[key]

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

    def _caller(self, operation: str, via: tuple[str, ...] = ()) -> Handler:
        """Return the handler of calls to an operation; ``via`` are those that redirects have led away from."""
        service, endpoint = names.operation(operation)
        key = _FROM.join((*via, operation))

        async def calling_first(request: Request) -> Response:
            ambient = AMBIENT.get()
            # What the call inherits bounds this as well: the layer that sees to it comes later.
            latest = request.deadline if ambient is None else min(request.deadline, ambient.deadline)
            await self._prepare(service, latest)
            stack = self._compose(service, endpoint, via)
            if service in self._known:
                self._stacks[key] = stack
            return await stack(request)

        def calling(request: Request) -> Awaitable[Response]:
            request.id = request.id or new_id()
            return (self._stacks.get(key) or calling_first)(request)

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
        wanted = [] if self.keys is None else [self.keys.want(service)]
        await asyncio.gather(self._catalog.follow(service), self._feed.want(service), *wanted)
        if service in self.snapshot.traffic:
            # A first call must not miss its subset only because it is the first.
            await self._catalog.acquaint(service)
        self._known.add(service)

    def _compose(self, service: str, endpoint: str, via: tuple[str, ...]) -> Handler:
        """Return what the routes of ``Traffic`` make of calls to an endpoint: a stack, several, or another's."""
        found = routes_for(self.snapshot, service, endpoint, self._service, via)
        return steered([(each.condition, self._route(service, endpoint, each.route, via)) for each in found])

    def _route(self, service: str, endpoint: str, route: Route, via: tuple[str, ...]) -> Handler:
        target = route.traffic.redirect if route.traffic is not None else None
        if target is None:
            return self._stack(service, endpoint, route)
        operation = operation_at(target, endpoint)
        onward = self._caller(operation, (*via, f"{service}.{endpoint}"))

        def redirecting(request: Request) -> Awaitable[Response]:
            request.operation = operation
            return onward(request)

        return redirecting

    def _stack(self, service: str, endpoint: str, route: Route) -> Handler:
        callee = self._catalog.callee(service)
        traffic = route.traffic
        steering = None if traffic is None else self._steering(service, endpoint, traffic)
        subsets = steering.subsets if steering and traffic and (traffic.split or traffic.failover) else None
        outliers = self._outliers(service, route, addressed=route.balance.method != "queue" or subsets is not None)
        if steering is not None:
            steering.subsets.outliers = outliers

        def idempotent(request: Request) -> bool:
            if request.idempotent is not None:
                return request.idempotent
            if route.idempotent is not None:
                return route.idempotent
            facts = callee.facts.get(endpoint)
            return facts is not None and facts.idempotent

        return stacks.outbound(
            route,
            chooser(route, callee, endpoint, self._around.chance, self._around.zone, subsets, outliers),
            around=self._around,
            catalog=self._catalog,
            budget=self.held.budget(service, route.retry.budget),
            protection=Protection(
                breakers=self.held.breakers(service, route.breaker) if route.breaker.enabled else None,
                slots=self.held.slots(service, route.limit) if route.limit.enabled else None,
                latencies=self.held.latencies(service, endpoint) if route.hedge.enabled else None,
                outliers=outliers,
            ),
            idempotent=idempotent,
            # Who lacks a document that concerns the callee cannot tell what that would say.
            permitted=self._guard.called(self.snapshot, service, endpoint) if self._feed.complete else None,
            limits=self._rates.called(self.snapshot, service, endpoint),
            wire=self._link.call,
            steering=steering,
            moving=self._around.moves.to(service),
        )

    def _outliers(self, service: str, route: Route, *, addressed: bool) -> Outliers | None:
        """Return what is known of a service's failing instances; nothing where the broker chooses them."""
        if not (route.outlier.enabled and addressed):
            return None
        return self.held.outliers(self._catalog.callee(service), route.outlier)

    def _steering(self, service: str, endpoint: str, traffic: TrafficPolicy) -> Steering:
        subsets = Subsets(self._catalog.callee(service), endpoint, traffic.subsets)
        to = traffic.mirror or MirrorPolicy()
        operation = operation_at(to.to or service, endpoint)
        find = partial(self._copying, operation, to.subset, subsets)
        return Steering(subsets=subsets, copy=self._mirrors.to(operation, to.subset, find))

    async def _copying(self, operation: str, subset: str | None, subsets: Subsets) -> Handler:
        """Return the handler of copies to an operation; a subset is one of ``subsets``."""
        key = _FROM.join((_COPIES, subset or "", operation))
        known = self._stacks.get(key)
        if known is None:
            service, endpoint = names.operation(operation)
            await self._prepare(service, math.inf)
            route, callee = self.snapshot.route(service, endpoint), self._catalog.callee(service)
            known = stacks.copying(
                route.timeout.total,
                chooser(route, callee, endpoint, self._around.chance, self._around.zone, subsets if subset else None),
                around=self._around,
                catalog=self._catalog,
                wire=self._link.call,
            )
            if service in self._known:
                self._stacks[key] = known
        return known


def _callee_of(key: str) -> str:
    """Return the service that a stack leads to, after all redirects."""
    return key.rpartition(_FROM)[2].partition(".")[0]
