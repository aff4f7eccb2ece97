"""One trace over a real broker: nested calls, events, callers from outside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from crossply import Mesh, current
from crossply.config import MeshConfig
from crossply.handler import Request
from crossply.names import new_id
from tests.support.broker import Broker
from tests.support.plain_client import PlainClient
from tests.support.policies import Policies
from tests.support.provider import Provider
from tests.support.waiting import eventually

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def everything_sampled(policies: Policies) -> None:
    await policies.apply({"kind": "Telemetry", "name": "mesh", "spec": {"sampling": 1}})


@pytest.fixture
def exported() -> InMemorySpanExporter:
    """The spans of all meshes of a test that stopped."""
    return InMemorySpanExporter()


@pytest.fixture
def service(broker: Broker, exported: InMemorySpanExporter) -> Callable[[str], Mesh]:
    config = MeshConfig(nats=(broker.url,), connect_timeout=10.0)
    return lambda name: Mesh(name, config=config, exporters=[Kept(exported)])


class Kept(InMemorySpanExporter):
    """Keeps what it exports with what others do; an exporter belongs to one mesh."""

    def __init__(self, where: InMemorySpanExporter) -> None:
        super().__init__()
        self.export = where.export  # type: ignore[method-assign]  # that is all there is to it


def named(exported: InMemorySpanExporter, service: str, name: str) -> ReadableSpan:
    [found] = [
        each
        for each in exported.get_finished_spans()
        if each.name == name and each.resource.attributes["service.name"] == service
    ]
    return found


def ids(span: ReadableSpan) -> tuple[int, int]:
    assert span.context is not None
    return span.context.trace_id, span.context.span_id


@pytest.mark.usefixtures("everything_sampled")
async def test_what_came_with_a_call_goes_along_nested_calls(
    service: Callable[[str], Mesh], exported: InMemorySpanExporter
) -> None:
    web, orders, billing = service("web"), service("orders"), service("billing")
    seen: list[tuple[str | None, dict[str, str]]] = []

    @billing.endpoint
    async def charge() -> None:
        seen.append((current().tracestate, dict(current().baggage)))

    @orders.endpoint
    async def create() -> None:
        await orders.call("billing.charge")

    async with billing, orders, web:
        request = Request("orders.create", id=new_id(), traceparent=PARENT, tracestate="vendor=1,other=2")
        request.baggage = {"user": "7"}
        await web.outbound("orders.create")(request)
    assert seen == [("vendor=1,other=2", {"user": "7"})]
    chain = [("web", "orders/create"), ("web", "attempt orders/create"), ("orders", "orders/create")]
    chain += [("orders", "billing/charge"), ("orders", "attempt billing/charge"), ("billing", "billing/charge")]
    above = int(PARENT[36:52], 16)
    for each in chain:
        span = named(exported, *each)
        assert span.parent is not None
        assert (span.parent.trace_id, span.parent.span_id) == (int(PARENT[3:35], 16), above)
        assert span.context is not None
        assert span.context.trace_state.to_header() == "vendor=1,other=2"
        above = span.context.span_id


@pytest.mark.usefixtures("everything_sampled")
async def test_an_event_is_part_of_its_publishers_trace_and_comes_again_as_one_of_its_own(
    service: Callable[[str], Mesh], exported: InMemorySpanExporter, provider: Provider
) -> None:
    await provider.ensure(families=("orders",), consumers=(("mailer", "orders.created"),))
    web, mailer = service("web"), service("mailer")
    deliveries: list[int] = []

    @mailer.on("orders.created")
    async def created(order: str) -> None:
        deliveries.append(current().delivery)
        if len(deliveries) == 1:
            raise RuntimeError(order)

    async with mailer, web:
        await web.publish("orders.created", "o-1")
        await eventually(lambda: len(deliveries) == 2)
        await asyncio.sleep(0.1)  # until the second one is recorded
    published = named(exported, "web", "publish orders.created")
    first, again = (each for each in exported.get_finished_spans() if each.name == "process orders.created")
    assert deliveries == [1, 2]
    assert first.parent is not None
    assert (first.parent.trace_id, first.parent.span_id) == ids(published)
    assert again.parent is None
    assert ids(again)[0] != ids(published)[0]
    for each in (first, again):
        assert [(link.context.trace_id, link.context.span_id) for link in each.links] == [ids(published)]
    assert (first.attributes or {})["mesh.delivery.attempt"] == 1
    assert (again.attributes or {})["mesh.delivery.attempt"] == 2


async def test_a_caller_from_outside_is_continued_and_its_decision_kept(
    service: Callable[[str], Mesh], exported: InMemorySpanExporter, plain: PlainClient
) -> None:
    orders = service("orders")

    @orders.endpoint
    async def create() -> str:
        return str(current().traceparent)

    async with orders:
        answer = await plain.request("mesh.rpc.orders.any.create", b"{}", headers={"traceparent": PARENT})
        unsampled = f"{PARENT[:-2]}00"
        await plain.request("mesh.rpc.orders.any.create", b"{}", headers={"traceparent": unsampled})
    [span] = exported.get_finished_spans()
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == PARENT[36:52]
    assert PARENT[3:35] in str(answer)
