"""What the HTTP API answers of what data planes report, as types."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from crossply_registry.api.bodies import Seconds, UnixSeconds


class EdgeBody(Struct, frozen=True, kw_only=True):
    """What happened between a caller and one operation of a callee; a publisher has no callee."""

    action: Annotated[str, Meta(description="`call`, `publish` or `handle`")]
    reporter: Annotated[str, Meta(description="which end tells: `caller`, `callee`, `publisher` or `subscriber`")]
    caller: str
    callee: str
    operation: str
    count: int
    rate: Annotated[float, Meta(description="a second")]
    success: Annotated[float, Meta(description="the share whose outcome is `ok`")]
    outcomes: dict[str, int]
    p50: Seconds | None
    p95: Seconds | None
    p99: Seconds | None


class StatBody(Struct, frozen=True, kw_only=True):
    """Every edge that anything was reported of; `window` is shorter than asked while the registry is younger."""

    window: Seconds
    edges: list[EdgeBody]


class SpanBody(Struct, frozen=True, kw_only=True):
    """One span as an instance reported it; `link` is the trace context of the event that was handled."""

    span_id: str
    parent_id: Annotated[str, Meta(description="empty for the first span of a trace")]
    side: str
    service: str
    instance: str
    operation: str
    caller: str
    callee: str
    start: UnixSeconds
    duration: Seconds
    code: str
    attempts: Annotated[int, Meta(description="how many a call had; the number of an attempt")]
    cause: Annotated[str, Meta(description="of an attempt: `first`, `retry` or `hedge`; else empty")]
    addressed: Annotated[str, Meta(description="the instance that an attempt went to; empty for the queue group")]
    subset: str
    delivery: int
    kept: Annotated[str, Meta(description="`error` or `slow` where the trace was not sampled")]
    link: str


class TraceBody(Struct, frozen=True, kw_only=True):
    """The spans of one trace, by their start; `left_out` counts those beyond what is kept of one."""

    trace_id: str
    began: UnixSeconds
    duration: Seconds
    left_out: int
    spans: list[SpanBody]


class TraceList(Struct, frozen=True, kw_only=True):
    """Traces, the newest first."""

    traces: list[TraceBody]
