"""What is exported is what plain OpenTelemetry would have recorded of the same calls."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import Histogram as OTelHistogram
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData, Sum
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
from opentelemetry.trace.status import StatusCode

from crossply.errors import Code, NotFound, Unavailable
from crossply.handler import Peer, Request, Response, compose
from crossply.layers.measure import measure
from crossply.layers.retry import retry
from crossply.layers.span import span
from crossply.layers.trace import trace
from crossply.routing.budget import RetryBudget
from crossply.telemetry import names
from crossply.telemetry.exporting import Exporting, resource_of
from crossply.telemetry.histogram import BOUNDS
from crossply.telemetry.recorder import MemoryRecorder, Side, Span
from crossply.testing import Script, chance
from crossply_policy.documents import RetryPolicy, TelemetryPolicy
from tests.unit.sdk.stage import now, request

RESOURCE = resource_of("web", "1.0.0", "aaaaaaaaaaaa", "default")
REMOTE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SIDES = {Side.CALLER: SpanKind.CLIENT, Side.CALLEE: SpanKind.SERVER}


def recorder_of(service: str = "web") -> MemoryRecorder:
    return MemoryRecorder(service, chance=chance(3), policy=TelemetryPolicy(sampling=1.0))


async def calls(recorder: MemoryRecorder) -> list[Span]:
    """Make ten calls out and ten in, every third of which fails, and return their spans."""
    for number in range(20):
        side = Side.CALLER if number % 2 else Side.CALLEE
        end: Any = NotFound("nobody") if number % 3 == 0 else Response()
        stack = compose([trace(recorder, side), measure(recorder, side, now)], Script([0.013 * (number + 1), end]))
        made = request() if side is Side.CALLER else request(peer=Peer("admin"), traceparent=REMOTE)
        await asyncio.gather(stack(made), return_exceptions=True)
    return recorder.take(now, lambda: 1_790_000_000_000_000_000)


class Given(IdGenerator):
    """Gives the ids that were given to it."""

    def __init__(self) -> None:
        self.trace_id = self.span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


def numbers(span: Span) -> dict[str, str | int]:
    """Return what is said of attempts, by a call and by one of them."""
    if not span.cause:
        return {"mesh.attempts": span.attempts}
    said: dict[str, str | int] = {"mesh.attempt": span.attempts, "mesh.attempt.cause": str(span.cause)}
    if span.instance:
        said["mesh.destination.instance"] = span.instance
    if span.subset:
        said["mesh.destination.subset"] = span.subset
    return said


def plainly(spans: Sequence[Span]) -> InMemorySpanExporter:
    """Record the same by OpenTelemetry's own tracer."""
    exporter, ids = InMemorySpanExporter(), Given()
    provider = TracerProvider(resource=RESOURCE, id_generator=ids, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer(names.SCOPE)
    for each in spans:
        ids.trace_id, ids.span_id = int(each.trace_id, 16), int(each.span_id, 16)
        parent = None
        if each.parent_id:
            above = SpanContext(ids.trace_id, int(each.parent_id, 16), each.side is Side.CALLEE, TraceFlags(1))
            parent = set_span_in_context(NonRecordingSpan(above))
        attributes: dict[str, str | int] = {
            "rpc.system.name": "nats_mesh",
            "rpc.method": "orders/create",
            "rpc.status_code": str(each.code),
            "mesh.source": each.caller,
            "mesh.destination": each.callee,
            **numbers(each),
            "mesh.outcome": str(each.code),
        }
        if each.code is not Code.OK:
            attributes["error.type"] = str(each.code)
        name = "attempt orders/create" if each.cause else "orders/create"
        plain = tracer.start_span(name, parent, SIDES[each.side], attributes, start_time=each.start)
        if each.code is not Code.OK:
            plain.set_status(StatusCode.ERROR)
        plain.end(each.start + round(each.duration * 1e9))
    return exporter


async def exported(recorder: MemoryRecorder, spans: list[Span], *exporters: Any) -> None:
    """Export spans and metrics, to the end."""
    exporting = Exporting(exporters, RESOURCE, recorder.edges, lambda: {names.DROPPED: recorder.dropped})
    exporting.take(spans)
    await exporting.aclose()


def said(span: ReadableSpan) -> tuple[Any, ...]:
    parent = span.parent
    return (
        span.to_json(),
        span.context and span.context.trace_flags & 1,
        parent and (parent.trace_id, parent.span_id, parent.is_remote),
        span.instrumentation_scope and span.instrumentation_scope.name,
    )


async def test_spans_are_those_that_the_sdk_itself_would_have_exported() -> None:
    recorder, ours = recorder_of(), InMemorySpanExporter()
    spans = await calls(recorder)
    theirs = plainly(spans)
    await exported(recorder, spans, ours)
    assert len(spans) == 20
    assert [said(each) for each in ours.get_finished_spans()] == [said(each) for each in theirs.get_finished_spans()]


async def tried_again(recorder: MemoryRecorder) -> list[Span]:
    """Make a call of three attempts, of which one goes to an instance of a subset, and return its spans."""

    async def addressed(attempt: Request) -> Response:
        attempt.instance, attempt.subset = "bbbbbbbbbbbb", "v2"
        raise Unavailable("draining")

    policy = RetryPolicy()
    spans = span(recorder, now)
    layers = [
        trace(recorder, Side.CALLER),
        measure(recorder, Side.CALLER, now),
        retry(policy, RetryBudget(policy.budget, now), lambda _: True, now, chance(1), spans=spans),
    ]
    await compose(layers, Script([0.1, Unavailable("nobody"), 0.2, addressed, 0.3, Response()]))(request())
    return recorder.take(now, lambda: 1_790_000_000_000_000_000)


async def test_attempts_are_children_that_the_sdk_itself_would_have_exported() -> None:
    recorder, ours = recorder_of(), InMemorySpanExporter()
    spans = await tried_again(recorder)
    theirs = plainly(spans)
    await exported(recorder, spans, ours)
    assert [each.name for each in ours.get_finished_spans()] == [*["attempt orders/create"] * 3, "orders/create"]
    assert [said(each) for each in ours.get_finished_spans()] == [said(each) for each in theirs.get_finished_spans()]
    *attempts, call = ours.get_finished_spans()
    assert {each.parent and each.parent.span_id for each in attempts} == {call.context and call.context.span_id}
    assert [(each.attributes or {})["mesh.attempt.cause"] for each in attempts] == ["first", "retry", "retry"]


def points(data: MetricsData | None, name: str) -> dict[frozenset[tuple[str, Any]], tuple[Any, ...]]:
    """Return the series of a histogram, by their attributes."""
    assert data is not None
    [metric] = [
        each
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for each in scope.metrics
        if each.name == name
    ]
    assert isinstance(metric.data, OTelHistogram)
    assert metric.unit == "s"
    return {
        frozenset((point.attributes or {}).items()): (
            point.count,
            pytest.approx(point.sum),
            list(point.bucket_counts),
            list(point.explicit_bounds),
        )
        for point in metric.data.data_points
    }


async def test_durations_are_those_that_the_sdks_own_histogram_would_have_counted() -> None:
    recorder, ours, theirs = recorder_of(), InMemoryMetricReader(), InMemoryMetricReader()
    spans = await calls(recorder)
    view = View(instrument_name="*", aggregation=ExplicitBucketHistogramAggregation(BOUNDS))
    meter = MeterProvider([theirs], RESOURCE, views=[view], shutdown_on_exit=False).get_meter(names.SCOPE)
    for side, name in ((Side.CALLER, names.CLIENT_DURATION), (Side.CALLEE, names.SERVER_DURATION)):
        histogram = meter.create_histogram(name, "s")
        for each in spans:
            if each.side is side:
                attributes = {
                    "rpc.system.name": "nats_mesh",
                    "rpc.method": "orders/create",
                    "mesh.source": each.caller,
                    "mesh.destination": each.callee,
                }
                histogram.record(each.duration, attributes)
    exporting = Exporting([ours], RESOURCE, recorder.edges, dict)
    data, expected = ours.get_metrics_data(), theirs.get_metrics_data()
    await exporting.aclose()
    for name in (names.CLIENT_DURATION, names.SERVER_DURATION):
        assert points(data, name) == points(expected, name)


async def test_calls_are_counted_by_caller_callee_method_outcome_and_who_tells() -> None:
    recorder, reader = recorder_of(), InMemoryMetricReader()
    await calls(recorder)
    exporting = Exporting([reader], RESOURCE, recorder.edges, lambda: {names.DROPPED: 5, names.COPIES_DROPPED: 2})
    data = reader.get_metrics_data()
    await exporting.aclose()
    assert data is not None
    found = {
        (
            metric.name,
            *(str((point.attributes or {}).get(name)) for name in (names.SOURCE, names.OUTCOME, "reporter")),
        ): (point.value)
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
        if isinstance(metric.data, Sum)
        for point in metric.data.data_points
    }
    assert found == {
        ("mesh.calls", "web", "ok", "client"): 7,
        ("mesh.calls", "web", "not_found", "client"): 3,
        ("mesh.calls", "admin", "ok", "server"): 6,
        ("mesh.calls", "admin", "not_found", "server"): 4,
        ("mesh.telemetry.dropped", "None", "None", "None"): 5,
        ("mesh.mirror.dropped", "None", "None", "None"): 2,
    }


class Stuck(SpanExporter):
    """Exports nothing until it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.go.wait(10)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None: ...


class Broken(Stuck):
    """Fails."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        raise ConnectionError("no collector")


async def test_an_exporter_that_is_slow_is_not_waited_for_and_what_it_misses_is_counted() -> None:
    recorder, stuck = recorder_of(), Stuck()
    spans = await calls(recorder)
    exporting = Exporting([stuck], RESOURCE, recorder.edges, dict)
    for _ in range(40):
        exporting.take(spans)
    assert exporting.dropped >= 20 * (40 - 17)
    stuck.go.set()
    await exporting.aclose()


async def test_an_exporter_that_fails_takes_nothing_from_the_others() -> None:
    recorder, well = recorder_of(), InMemorySpanExporter()
    spans = await calls(recorder)
    await exported(recorder, spans, Broken(), well)
    assert len(well.get_finished_spans()) == 20
