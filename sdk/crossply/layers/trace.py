"""Give every call and event its place in a trace: that of its caller, or a new one; ``measure`` tells of the span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.context import AMBIENT
from crossply.handler import Handler, Request, Response, layer
from crossply.telemetry.otel_context import join
from crossply.telemetry.recorder import Recorder, Side
from crossply.telemetry.traceparent import NOT_SAMPLED, SAMPLED, well_formed

if TYPE_CHECKING:
    from collections.abc import Awaitable

FRESH = 300.0
"""Seconds after which an event is no longer part of what its publisher did: it begins a trace that is linked to it."""


@layer
def trace(inner: Handler, recorder: Recorder, side: Side) -> Handler:
    """Put the trace context that travels on the request; ``request.parent`` is the one it came with."""
    outbound = side in {Side.CALLER, Side.PUBLISHER}
    event = side is Side.SUBSCRIBER
    ids, sampling = recorder.ids, recorder.sampling
    new_span = ids.span

    def tracing(request: Request) -> Awaitable[Response]:
        parent = request.traceparent
        if parent is not None:
            parent = well_formed(parent)
        elif outbound:
            parent = _around(request)
        request.parent = parent
        if parent is None:
            request.tracestate = None
            root = ids.root()
            request.traceparent = root + (SAMPLED if root[21:35] >= sampling.threshold else NOT_SAMPLED)
        elif event and (request.delivery > 1 or request.age > FRESH):
            # What comes late or again is kept or not as what it came from, to which it is linked.
            request.traceparent = ids.root() + parent[52:]
        else:
            request.traceparent = f"{parent[:36]}{new_span()}{parent[52:]}"
        return inner(request)

    return tracing


def _around(request: Request) -> str | None:
    """Return the trace context of what is being done here: of a user's own span, else of the call being served."""
    parent = join(request)
    if parent is None and (ambient := AMBIENT.get()) is not None:
        parent = ambient.traceparent
        request.tracestate = ambient.tracestate
    return parent
