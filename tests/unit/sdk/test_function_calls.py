"""A call passes as many Python functions whatever else the mesh holds; a layer costs only who asked for it."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import pytest

from crossply.handler import Request, Response
from crossply.mesh import Mesh
from crossply.testing import MemoryBroker
from crossply.wire.presence import EndpointHello, Hello
from crossply_policy.compile import compile_snapshot
from crossply_policy.documents import Document
from crossply_policy.parse import parse
from tests.unit.sdk.stage import mesh, now

ALL = {"hedge": {"enabled": True, "after": "1s"}, "breaker": {}, "outlier": {}, "limit": {}}
WARM = 30.0


def document(name: str, **spec: object) -> Document:
    return parse({"kind": "Service", "name": name, "spec": spec})


async def wire(request: Request) -> Response:
    return Response(b"\xa4done")


@asynccontextmanager
async def caller(broker: MemoryBroker, *, instances: int = 3, services: int = 0) -> AsyncGenerator[Mesh]:
    """Yield a mesh that knows so many warm instances of `orders`, and so many other services it has called."""
    async with mesh(broker, "web") as web:
        # Only what the caller does is counted, not what the broker and a callee in memory do.
        web.link.call = wire  # type: ignore[method-assign]  # a wire of the test
        catalog = web.running.catalog
        for service in ("orders", *(f"other{number}" for number in range(services))):
            catalog.callee(service)
        for number in range(instances):
            catalog.hear(Hello("orders", f"i{number}", endpoints=(EndpointHello("create", idempotent=True),)))
        for number in range(services):
            catalog.hear(Hello(f"other{number}", "i", endpoints=(EndpointHello("create", idempotent=True),)))
        for instance in catalog.callee("orders").instances.values():
            instance.since = now() - WARM
        yield web


async def counted(web: Mesh, documents: Iterable[Document] = ()) -> int:
    """Return how many Python functions one call enters, under these documents; now and then one cuts new ids too."""
    web.running.routes.adopt(compile_snapshot(documents, generation=1, revision=1))
    for _ in range(3):
        assert await web.call("orders.create", idempotent=True) == "done"
    return min([await _entered(web) for _ in range(3)])


async def _entered(web: Mesh) -> int:
    entered = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal entered
        entered += event == "call"

    sys.setprofile(count)
    try:
        await web.call("orders.create", idempotent=True)
    finally:
        sys.setprofile(None)
    return entered


async def test_a_call_enters_few_functions_and_always_as_many(broker: MemoryBroker) -> None:
    async with caller(broker) as web:
        first = await counted(web)
        assert {await counted(web) for _ in range(5)} == {first}
        assert 15 < first < 60


@pytest.mark.parametrize("section", ALL)
async def test_a_layer_costs_who_asked_for_it(broker: MemoryBroker, section: str) -> None:
    async with caller(broker) as web:
        plain = await counted(web)
        assert await counted(web, [document("orders", **{section: ALL[section]})]) > plain


async def test_a_layer_costs_nobody_else(broker: MemoryBroker) -> None:
    async with caller(broker) as web:
        plain = await counted(web)
        elsewhere = document("billing", **ALL)
        other_endpoint = document("orders", endpoints={"refund": ALL})
        turned_off = {section: {"enabled": False} for section in ALL}
        assert await counted(web, [elsewhere, other_endpoint]) == plain
        assert await counted(web, [document("orders", **ALL, endpoints={"create": turned_off})]) == plain


async def test_a_caller_that_is_allowed_pays_nothing_for_access(broker: MemoryBroker) -> None:
    async with caller(broker) as web:
        plain = await counted(web)
        spec = {"effect": "allow", "from": ["web"], "to": [{"service": "orders"}]}
        assert await counted(web, [parse({"kind": "Access", "name": "web", "spec": spec})]) == plain


async def test_a_thousand_services_cost_a_call_nothing(broker: MemoryBroker) -> None:
    async with caller(broker) as web:
        plain = await counted(web)
    async with caller(broker, services=1000) as web:
        for number in range(1000):
            web.running.routes.outbound(f"other{number}.create")
        assert await counted(web) == plain


async def test_five_thousand_documents_cost_a_call_nothing(broker: MemoryBroker) -> None:
    async with caller(broker) as web:
        plain = await counted(web)
        assert await counted(web, [document(f"other{number}", **ALL) for number in range(5000)]) == plain


async def test_two_thousand_instances_cost_a_call_nothing(broker: MemoryBroker) -> None:
    async with caller(broker) as web:
        plain = await counted(web)
    async with caller(broker, instances=2000) as web:
        assert await counted(web) == plain


def of_others(number: int) -> list[Document]:
    """Return a document of each kind that asks for something, all of them for a service that is not called."""
    name = f"other{number}"
    spec: dict[str, dict[str, object]] = {
        "Service": {**ALL, "timeout": {"total": 1}, "balance": {"method": "hash"}},
        "Traffic": {
            "routes": [{"match": {"metadata": {"a": "b"}}, "mirror": {"to": "orders"}, "timeout": {"total": 1}}]
        },
        "RateLimit": {"for": {"service": name}, "rate": 1},
        "Telemetry": {"sampling": 1},
    }
    limit = {"for": {"service": name}, "rate": 1, "at": "caller"}
    said = [{"kind": kind, "name": name, "spec": each} for kind, each in spec.items()]
    return [parse(each) for each in (*said, {"kind": "RateLimit", "name": f"own{number}", "spec": limit})]


async def test_all_of_that_together_costs_neither_end_of_a_call_anything(broker: MemoryBroker) -> None:
    orders = mesh(broker, "orders")

    @orders.endpoint(idempotent=True)
    async def create() -> str:
        return "done"

    async with orders, mesh(broker, "web") as web:
        running: Any = [each.running for each in (orders, web)]
        plain = await counted(web)
        documents = [document for number in range(1000) for document in of_others(number)]
        assert len(documents) == 5000
        snapshot = compile_snapshot(documents, generation=1, revision=1)
        for each in running:
            each._adopt(snapshot)
            for number in range(1000):
                each.catalog.callee(f"other{number}")
                for instance in ("i1", "i2"):
                    hello = Hello(f"other{number}", instance, endpoints=(EndpointHello("create", idempotent=True),))
                    each.catalog.hear(hello)
        for number in range(1000):
            web.running.routes.outbound(f"other{number}.create")
        assert await counted(web, documents) == plain
