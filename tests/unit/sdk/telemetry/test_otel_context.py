"""A user's own OpenTelemetry spans and those of the mesh are one trace."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry import baggage, context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer, get_current_span

from crossply import current
from crossply.telemetry.recorder import MemoryRecorder, Side, Span
from crossply.testing import MemoryBroker
from crossply_policy.documents import TelemetryPolicy
from tests.unit.sdk.stage import mesh, now


@pytest.fixture
def theirs() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(theirs: InMemorySpanExporter) -> Iterator[Tracer]:
    """The tracer of user code, of no global provider."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(theirs))
    yield provider.get_tracer("user")
    provider.shutdown()


def taken(recorder: MemoryRecorder) -> list[Span]:
    return recorder.take(now, lambda: 0)


def sampling_all(recorder: MemoryRecorder) -> None:
    recorder.sampling.adopt(TelemetryPolicy(sampling=1.0))


async def test_a_call_is_a_child_of_the_span_it_is_made_in(
    broker: MemoryBroker, tracer: Tracer, theirs: InMemorySpanExporter
) -> None:
    orders = mesh(broker, "orders")

    @orders.endpoint
    async def create() -> str:
        with tracer.start_as_current_span("inside"):
            await asyncio.sleep(0.01)
        return str(current().baggage.get("user"))

    async with orders, mesh(broker, "web") as web:
        for each in (web, orders):
            sampling_all(each.running.recorder)
        with tracer.start_as_current_span("outside"):
            token = context.attach(baggage.set_baggage("user", "7"))
            assert await web.call("orders.create") == "7"
            context.detach(token)
        [attempt, call], [served] = taken(web.running.recorder), taken(orders.running.recorder)

    inside, outside = theirs.get_finished_spans()
    assert (inside.name, outside.name) == ("inside", "outside")
    assert inside.context is not None
    assert outside.context is not None
    trace = f"{outside.context.trace_id:032x}"
    assert {call.trace_id, served.trace_id, f"{inside.context.trace_id:032x}"} == {trace}
    assert call.parent_id == f"{outside.context.span_id:016x}"
    assert (attempt.parent_id, served.parent_id) == (call.span_id, attempt.span_id)
    assert inside.parent is not None
    assert f"{inside.parent.span_id:016x}" == served.span_id


async def test_a_call_in_a_users_span_in_a_handler_is_a_child_of_that_span(
    broker: MemoryBroker, tracer: Tracer, theirs: InMemorySpanExporter
) -> None:
    orders, billing = mesh(broker, "orders"), mesh(broker, "billing")

    @billing.endpoint
    async def charge() -> None: ...

    @orders.endpoint
    def create() -> str:
        # A plain function, in a thread: what is current goes with it.
        assert "Serving" in repr(get_current_span())
        return f"{get_current_span().get_span_context().span_id:016x}"

    @orders.endpoint
    async def pay() -> None:
        with tracer.start_as_current_span("paying"):
            await orders.call("billing.charge")

    async with orders, billing, mesh(broker, "web") as web:
        sampling_all(web.running.recorder)
        seen = await web.call("orders.create")
        await web.call("orders.pay")
        spans = taken(orders.running.recorder)
        called = next(each for each in spans if each.side is Side.CALLER and each.cause is None)
    assert seen == next(each for each in spans if each.operation == "orders.create").span_id
    [paying] = theirs.get_finished_spans()
    assert paying.context is not None
    assert called.parent_id == f"{paying.context.span_id:016x}"


async def test_an_event_published_in_a_users_span_is_handled_as_part_of_it_with_its_baggage(
    broker: MemoryBroker, tracer: Tracer, theirs: InMemorySpanExporter
) -> None:
    mailer, handled = mesh(broker, "mailer"), asyncio.Event()
    seen: list[str] = []

    @mailer.on("orders.created")
    async def created(order: str) -> None:
        with tracer.start_as_current_span("mailing"):
            seen.append(f"{order} of {baggage.get_baggage('user')}, {current().baggage['user']}")
        handled.set()

    async with mailer, mesh(broker, "web") as web:
        sampling_all(web.running.recorder)
        with tracer.start_as_current_span("outside"):
            token = context.attach(baggage.set_baggage("user", "7"))
            await web.publish("orders.created", "o-1")
            context.detach(token)
        await handled.wait()
        await asyncio.sleep(0.1)
        [published], [handling] = taken(web.running.recorder), taken(mailer.running.recorder)
    assert seen == ["o-1 of 7, 7"]
    mailing, outside = sorted(theirs.get_finished_spans(), key=lambda each: each.name)
    assert mailing.parent is not None
    assert outside.context is not None
    assert f"{mailing.parent.span_id:016x}" == handling.span_id
    assert handling.parent_id == published.span_id
    assert published.parent_id == f"{outside.context.span_id:016x}"


async def test_after_a_handler_nothing_of_it_is_current(broker: MemoryBroker) -> None:
    orders = mesh(broker, "orders")

    @orders.endpoint
    async def create() -> None: ...

    async with orders, mesh(broker, "web") as web:
        await web.call("orders.create")
    assert not get_current_span().get_span_context().is_valid


def test_who_does_not_import_opentelemetry_does_not_load_it() -> None:
    program = """
import asyncio, sys
from crossply import Mesh
from crossply.config import MeshConfig
from crossply.testing import MemoryBroker, run

async def main():
    broker = MemoryBroker()
    orders = Mesh("orders", config=MeshConfig(), connect=broker.connect)

    @orders.endpoint
    async def create() -> str:
        return "created"

    async with orders, Mesh("web", config=MeshConfig(), connect=broker.connect) as web:
        assert await web.call("orders.create") == "created"
        await asyncio.sleep(10)

run(main())
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    answer = subprocess.run([sys.executable, "-Ic", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
