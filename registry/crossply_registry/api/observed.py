"""``/v1/stat``, ``/v1/traces`` and ``/metrics``: what data planes report of calls and events."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from crossply.errors import Code
from crossply.telemetry import prometheus
from crossply.telemetry.histogram import quantile
from crossply.telemetry.recorder import Side
from crossply_registry.api.observed_bodies import EdgeBody, SpanBody, StatBody, TraceBody, TraceList
from crossply_registry.api.problems import ApiFault, refusals
from crossply_registry.observed.traces import Told, Trace
from crossply_registry.observed.window import LONGEST, Key, Seen
from crossply_registry.registry import Registry

_ACTIONS: Final = {
    Side.CALLER: "call",
    Side.CALLEE: "call",
    Side.PUBLISHER: "publish",
    Side.SUBSCRIBER: "handle",
}
_NANOSECONDS: Final = 1_000_000_000
_DIGITS: Final = 6

WindowSeconds = Annotated[
    float, QueryParameter(name="window", ge=5, le=LONGEST, description="how many of the last seconds")
]
Last = Annotated[int, QueryParameter(name="last", ge=1, le=100, description="how many at most")]


@get("/v1/stat", tags=["observed"], responses=refusals(400, 503))
async def read_stat(registry: NamedDependency[Registry], window: WindowSeconds = 60.0) -> StatBody:
    """Read rate, success and latency of every edge; as callers see it, as callees do where no caller reports."""
    seconds, found = registry.parts.observed.window.last(window)
    heard_of = {(caller, operation) for side, caller, _, operation in found if side is Side.CALLER}
    shown = [
        _edge(key, seen, seconds)
        for key, seen in sorted(found.items(), key=lambda each: each[0])
        if key[0] is not Side.CALLEE or (key[1], key[3]) not in heard_of
    ]
    return StatBody(window=seconds, edges=shown)


@get("/v1/traces", tags=["observed"], responses=refusals(400, 503))
async def list_traces(registry: NamedDependency[Registry], last: Last = 10) -> TraceList:
    """List the traces that began last, the newest first, each with the spans that were reported so far."""
    return TraceList(traces=[_trace(each) for each in registry.parts.observed.traces.last(last)])


@get("/v1/traces/{trace_id:str}", tags=["observed"], responses=refusals(400, 404, 503))
async def read_trace(registry: NamedDependency[Registry], trace_id: FromPath[str]) -> TraceBody:
    """Read one trace with the spans that were reported so far."""
    found = registry.parts.observed.traces.get(trace_id)
    if found is None:
        raise ApiFault(404, f"no span of trace {trace_id[:40]} was reported; it was not sampled, or is gone")
    return _trace(found)


@get("/metrics", tags=["observed"], responses=refusals(503))
async def metrics(registry: NamedDependency[Registry]) -> Response[bytes]:
    """Read what all data planes reported since this process began, in Prometheus' text format."""
    parts = registry.parts
    planes = parts.catalog.data_planes()
    place = parts.revisions.contents.place
    gauges = {
        "mesh_policy_revision": ("The revision of policy in force.", place[1]),
        "mesh_data_planes": ("Instances of services and bridges.", len(planes)),
        "mesh_data_planes_behind": (
            "Those of them that do not have the revision in force.",
            sum((one.generation, one.revision) < place for one in planes),
        ),
    }
    return Response(prometheus.text(parts.observed.totals.edges(), gauges), media_type=prometheus.CONTENT_TYPE)


def _edge(key: Key, seen: Seen, seconds: float) -> EdgeBody:
    side, caller, callee, operation = key
    count, ok = seen.count, seen.codes.get(Code.OK, 0)
    p50, p95, p99 = (quantile(seen.buckets.items(), share) for share in (0.5, 0.95, 0.99))
    return EdgeBody(
        action=_ACTIONS[side],
        reporter=str(side),
        caller=caller,
        callee=callee,
        operation=operation,
        count=count,
        rate=round(count / seconds, _DIGITS),
        success=round(ok / count, _DIGITS) if count else 1.0,
        outcomes={str(code): each for code, each in sorted(seen.codes.items())},
        p50=_rounded(p50),
        p95=_rounded(p95),
        p99=_rounded(p99),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, _DIGITS)


def _trace(trace: Trace) -> TraceBody:
    spans = sorted(trace.spans, key=lambda each: each.span.start)
    end = max(each.span.start + each.span.duration * _NANOSECONDS for each in spans)
    return TraceBody(
        trace_id=trace.trace_id,
        began=trace.began / _NANOSECONDS,
        duration=round((end - trace.began) / _NANOSECONDS, _DIGITS),
        left_out=trace.left_out,
        spans=[_span(each) for each in spans],
    )


def _span(told: Told) -> SpanBody:
    span = told.span
    return SpanBody(
        span_id=span.span_id,
        parent_id=span.parent_id,
        side=str(span.side),
        service=told.service,
        instance=told.instance,
        operation=span.operation,
        caller=span.caller,
        callee=span.callee,
        start=span.start / _NANOSECONDS,
        duration=round(span.duration, _DIGITS),
        code=str(span.code),
        attempts=span.attempts,
        cause=str(span.cause or ""),
        addressed=span.instance,
        subset=span.subset,
        delivery=span.delivery,
        kept=span.kept,
        link=span.link,
    )
