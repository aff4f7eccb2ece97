"""The outbound stacks of a process: one for each operation it calls, rebuilt when a new snapshot is adopted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply import stacks
from crossply.handler import Request, Response
from crossply.layers.balance import Chooser
from crossply.names import new_id
from crossply.routing.budget import RetryBudget
from crossply.routing.picker import LeastLatency
from crossply_policy import names
from crossply_policy.documents import BudgetPolicy, RetryPolicy
from crossply_policy.snapshot import Snapshot

if TYPE_CHECKING:
    from crossply.control.feed import PolicyFeed
    from crossply.discovery.catalog import Catalog
    from crossply.handler import Facts, Handler
    from crossply.protection.rates import Rates
    from crossply.stacks import Surroundings
    from crossply.tasks import Tasks
    from crossply.wire.link import Link

_PREPARE_TIMEOUT = 0.5
_OPERATIONS = 2048


class Routes:
    """Finds the stack of an operation: composed on its first call, and again after each adoption."""

    def __init__(
        self, link: Link, catalog: Catalog, feed: PolicyFeed, around: Surroundings, tasks: Tasks, rates: Rates
    ) -> None:
        self._link = link
        self._rates = rates
        self._tasks = tasks
        self._preparing: dict[str, asyncio.Task[None]] = {}
        self._catalog = catalog
        self._feed = feed
        self._around = around
        self._calling: dict[str, Handler] = {}
        self._stacks: dict[str, Handler] = {}
        self._budgets: dict[tuple[str, BudgetPolicy], RetryBudget] = {}
        self._picker = LeastLatency(around.chance)
        self._known: set[str] = set()
        self._publishing: dict[str, Handler] = {}
        self._channels: dict[str, Handler] = {}
        self.snapshot = Snapshot()

    def adopt(self, snapshot: Snapshot) -> None:
        """Use a new snapshot from the next call on; calls in flight finish on the stack they began on."""
        self.snapshot, self._stacks, self._channels = snapshot, {}, {}

    def forget(self, services: list[str]) -> None:
        """Drop what belongs to services that do not exist."""
        for service in services:
            self._known.discard(service)
            self._feed.unwant(service)
            for budget in [each for each in self._budgets if each[0] == service]:
                del self._budgets[budget]
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

        return stacks.outbound(
            route,
            Chooser(callee, endpoint, None if route.balance.method == "queue" else self._picker),
            around=self._around,
            catalog=self._catalog,
            budget=self._budget(service, (route.retry or RetryPolicy()).budget),
            idempotent=idempotent,
            limits=self._rates.called(self.snapshot, service, endpoint),
            wire=self._link.call,
        )

    def publishing(self, channel: str, within: float) -> Handler:
        """Return a handler that always publishes through the newest stack; raise ``NameFault`` for a bad name."""
        known = self._publishing.get(channel)
        if known is None:
            names.channel(channel)
            if len(self._publishing) >= _OPERATIONS:
                self._publishing.clear()
                self._channels.clear()
            known = self._publishing[channel] = self._publisher(channel, within)
        return known

    def _publisher(self, channel: str, within: float) -> Handler:
        async def publishing_event(request: Request) -> Response:
            request.id = request.id or new_id()
            stack = self._channels.get(channel)
            if stack is None:
                stack = self._channels[channel] = stacks.publishing(
                    around=self._around,
                    within=within,
                    limits=self._rates.published(self.snapshot, channel),
                    wire=self._link.publish,
                )
            return await stack(request)

        return publishing_event

    def _budget(self, service: str, policy: BudgetPolicy) -> RetryBudget:
        """Return the service's budget; it outlives a snapshot unless its own policy changed."""
        key = (service, policy)
        known = self._budgets.get(key)
        if known is None:
            known = self._budgets[key] = RetryBudget(policy, self._around.now)
        return known
