"""Give every call and event a span in its caller's trace, and the trace context that travels with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.context import AMBIENT
from crossply.errors import CallError, Code
from crossply.handler import Handler, Request, Response, layer
from crossply.telemetry.recorder import Recorder, Side, Span

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Chance, Clock

_PARTS, _TRACE_ID, _SPAN_ID = 4, 32, 16
_SAMPLED = 1


@layer
def trace(
    inner: Handler, recorder: Recorder, side: Side, now: Clock, wall: Callable[[], int], chance: Chance
) -> Handler:
    """Open a span around ``inner``; ``wall`` gives unix nanoseconds for its start, ``now`` its duration."""
    outbound = side in {Side.CALLER, Side.PUBLISHER}

    async def tracing(request: Request) -> Response:
        parent = request.traceparent
        if parent is None and outbound and (ambient := AMBIENT.get()) is not None:
            parent = ambient.traceparent
            request.tracestate = ambient.tracestate
        trace_id, parent_id, flags = parsed(parent) or (f"{chance.getrandbits(128):032x}", "", _SAMPLED)
        span_id = f"{chance.getrandbits(64):016x}"
        request.traceparent = f"00-{trace_id}-{span_id}-{flags:02x}"
        start, began, code = wall(), now(), Code.OK
        try:
            response = await inner(request)
            if response.failure is not None:
                code = response.failure.code
            return response
        except CallError as error:
            code = error.code
            error.trace_id = error.trace_id or trace_id
            raise
        finally:
            if flags & _SAMPLED:
                recorder.span(
                    Span(
                        trace_id,
                        span_id,
                        parent_id,
                        side,
                        request.operation,
                        start,
                        now() - began,
                        code,
                        request.attempt,
                    )
                )

    return tracing


def parsed(traceparent: str | None) -> tuple[str, str, int] | None:
    """Return trace id, span id and flags of a W3C ``traceparent``; ``None`` when it is absent or malformed."""
    if traceparent is None:
        return None
    parts = traceparent.split("-")
    if len(parts) < _PARTS or len(parts[0]) != 2 or len(parts[1]) != _TRACE_ID or len(parts[2]) != _SPAN_ID:  # noqa: PLR2004
        return None
    try:
        if not int(parts[1], 16) or not int(parts[2], 16) or int(parts[0], 16) == 0xFF:  # noqa: PLR2004
            return None
        return parts[1].lower(), parts[2].lower(), int(parts[3][:2], 16)
    except ValueError:
        return None
