"""What a process keeps between the calls of its stacks, as its policy says."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossply.context import AMBIENT, Current
from crossply.errors import DeadlineExceeded
from crossply.handler import FOREIGN, Request, Response
from crossply.testing import MemoryBroker
from crossply.wire.presence import EndpointHello, Hello
from crossply_policy.compile import compile_snapshot
from crossply_policy.parse import parse
from tests.unit.sdk.stage import mesh, now, request

NO_BUDGET = {"ratio": 0, "floor": 0}


@pytest.mark.parametrize(("budget", "sent"), [({}, 2), (NO_BUDGET, 1)])
async def test_where_nothing_is_tried_again_hedges_spend_the_budget_that_is_said(
    broker: MemoryBroker, budget: dict[str, object], sent: int
) -> None:
    seen: list[Request] = []

    async def slow(request: Request) -> Response:
        seen.append(request)
        await asyncio.sleep(1.0)
        return Response()

    spec = {"hedge": {"after": "10ms"}, "retry": {"attempts": 0, "budget": budget}}
    document = parse({"kind": "Service", "name": "orders", "spec": spec})
    async with mesh(broker, "web") as web:
        web.link.call = slow  # type: ignore[method-assign]  # a wire of the test
        for instance in ("i1", "i2"):
            web.running.catalog.hear(Hello("orders", instance, endpoints=(EndpointHello("create"),)))
        web.running.routes.adopt(compile_snapshot([document], generation=1, revision=1))
        await web.call("orders.create", idempotent=True)
    assert len(seen) == sent


async def test_what_a_first_call_must_wait_for_is_bounded_by_the_deadline_that_it_inherits(
    broker: MemoryBroker,
) -> None:
    async def hanging(_service: str) -> None:
        await asyncio.sleep(60.0)

    async with mesh(broker, "web") as web:
        routes: Any = web.running.routes
        routes._feed.want = hanging
        serving = AMBIENT.set(Current(request("web.visit", deadline=now() + 0.05), FOREIGN))
        began = now()
        with pytest.raises(DeadlineExceeded):
            await web.call("orders.create")
        AMBIENT.reset(serving)
        assert now() - began == pytest.approx(0.05)
