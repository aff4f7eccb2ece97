"""OpenTelemetry's current span and baggage, read and set; imported once somebody else has imported OpenTelemetry."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from opentelemetry import baggage, context, trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.context import Context

    from crossply.handler import Request


def join(request: Request) -> str | None:
    """Return the trace context that is current; its trace state, and the baggage around it, go with the request."""
    around = context.get_current()
    if not around:
        return None
    if said := baggage.get_all(around):
        ours = {name: str(value) for name, value in said.items()}
        request.baggage = {**ours, **(request.baggage or {})}
    span = trace.get_current_span(around).get_span_context()
    if not span.is_valid:
        return None
    request.tracestate = span.trace_state.to_header() or None
    return _written(span)


def current_span() -> str | None:
    """Return the trace context that is current."""
    span = trace.get_current_span().get_span_context()
    return _written(span) if span.is_valid else None


class Serving(trace.NonRecordingSpan):  # a subclass, as OpenTelemetry takes nothing else for a span
    """Stands for the span of what is being served, which the recorder keeps.

    Its context is made when somebody asks: most handlers never do, and making it costs more than all the rest.
    """

    def __init__(self, traceparent: str, tracestate: str | None) -> None:
        self._traceparent = traceparent
        self._tracestate = tracestate

    def __repr__(self) -> str:
        return f"Serving({self._traceparent!r})"

    def get_span_context(self) -> trace.SpanContext:
        """Return the context of the span."""
        return trace.SpanContext(
            int(self._traceparent[3:35], 16),
            int(self._traceparent[36:52], 16),
            is_remote=False,
            trace_flags=trace.TraceFlags(int(self._traceparent[53:55], 16)),
            trace_state=trace.TraceState.from_header([self._tracestate]) if self._tracestate else None,
        )


def enter(request: Request, traceparent: str) -> Callable[[], None]:
    """Make the span of a request the current one; return how to leave it."""
    around: Context = trace.set_span_in_context(Serving(traceparent, request.tracestate))
    if request.baggage:
        for name, value in request.baggage.items():
            around = baggage.set_baggage(name, value, around)
    return partial(context.detach, context.attach(around))


def _written(span: trace.SpanContext) -> str:
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags & 0xFF:02x}"
