"""Recorded spans as those of the OpenTelemetry SDK, made when they are exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from crossply.errors import Code
from crossply.telemetry import names
from crossply.telemetry.recorder import Side
from crossply.telemetry.red import method
from crossply.telemetry.traceparent import span_id, trace_id

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from crossply.telemetry.attempts import Cause
    from crossply.telemetry.recorder import Span

_KINDS: Final = {
    Side.CALLER: SpanKind.CLIENT,
    Side.CALLEE: SpanKind.SERVER,
    Side.PUBLISHER: SpanKind.PRODUCER,
    Side.SUBSCRIBER: SpanKind.CONSUMER,
}
_REMOTE: Final = frozenset({Side.CALLEE, Side.SUBSCRIBER})
_SCOPE: Final = InstrumentationScope(names.SCOPE)
_NANOSECONDS: Final = 1_000_000_000


def readable(span: Span, resource: Resource) -> ReadableSpan:
    """Return a span as the SDK's exporters take it."""
    state = TraceState.from_header([span.tracestate]) if span.tracestate else TraceState()
    flags = TraceFlags(TraceFlags.SAMPLED if span.sampled else TraceFlags.DEFAULT)
    trace = int(span.trace_id, 16)
    context = SpanContext(trace, int(span.span_id, 16), is_remote=False, trace_flags=flags, trace_state=state)
    remote = span.side in _REMOTE
    parent = SpanContext(trace, int(span.parent_id, 16), remote, flags, state) if span.parent_id else None
    failed = span.code is not Code.OK
    return ReadableSpan(
        name=name(span),
        context=context,
        parent=parent,
        resource=resource,
        attributes=attributes(span),
        links=[Link(_linked(span.link, state))] if span.link else [],
        kind=_KINDS[span.side],
        status=Status(StatusCode.ERROR) if failed else Status(StatusCode.UNSET),
        start_time=span.start,
        end_time=span.start + round(span.duration * _NANOSECONDS),
        instrumentation_scope=_SCOPE,
    )


def name(span: Span) -> str:
    """Return what a span is called: ``orders/create``, ``attempt orders/create``, ``publish orders.created``, ..."""
    if span.side is Side.PUBLISHER:
        return f"publish {span.operation}"
    if span.side is Side.SUBSCRIBER:
        return f"process {span.operation}"
    return method(span.operation) if span.cause is None else f"attempt {method(span.operation)}"


def attributes(span: Span) -> dict[str, str | int]:
    """Return what a span says, under the names of the conventions."""
    said = _message(span) if span.side in {Side.PUBLISHER, Side.SUBSCRIBER} else _call(span)
    said[names.OUTCOME] = str(span.code)
    if span.code is not Code.OK:
        said[names.ERROR_TYPE] = str(span.code)
    if span.kept:
        said[names.KEPT] = span.kept
    return said


def _call(span: Span) -> dict[str, str | int]:
    said: dict[str, str | int] = {
        names.RPC_SYSTEM: names.SYSTEM,
        names.RPC_METHOD: method(span.operation),
        names.RPC_STATUS: str(span.code),
        names.SOURCE: span.caller,
        names.DESTINATION: span.callee,
    }
    return said | ({names.ATTEMPTS: span.attempts} if span.cause is None else _attempt(span, span.cause))


def _attempt(span: Span, cause: Cause) -> dict[str, str | int]:
    """Return what an attempt says besides: the queue group's has no instance, and most have no subset."""
    said: dict[str, str | int] = {names.ATTEMPT: span.attempts, names.CAUSE: str(cause)}
    if span.instance:
        said[names.INSTANCE] = span.instance
    if span.subset:
        said[names.SUBSET] = span.subset
    return said


def _message(span: Span) -> dict[str, str | int]:
    said: dict[str, str | int] = {
        names.MESSAGING_SYSTEM: names.MESSAGING,
        names.MESSAGING_DESTINATION: span.operation,
        names.SOURCE: span.caller,
    }
    if span.side is Side.PUBLISHER:
        return said | {names.MESSAGING_OPERATION: "publish", names.MESSAGING_OPERATION_TYPE: "send"}
    return said | {
        names.MESSAGING_OPERATION: "process",
        names.MESSAGING_OPERATION_TYPE: "process",
        names.MESSAGING_GROUP: span.callee,
        names.DELIVERY: span.delivery,
    }


def _linked(traceparent: str, state: TraceState) -> SpanContext:
    flags = TraceFlags(int(traceparent[53:55], 16) & TraceFlags.SAMPLED)
    return SpanContext(int(trace_id(traceparent), 16), int(span_id(traceparent), 16), True, flags, state)  # noqa: FBT003 - is_remote, by position in every version
