"""Give every call and event a span in its caller's trace, and the trace context that travels with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crossply.context import AMBIENT
from crossply.errors import CallError, Code
from crossply.handler import Handler, Request, Response, layer
from crossply.telemetry.recorder import Recorder, Side, Span, outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Chance, Clock

_TRACEPARENT = r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
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
        known = parsed(parent)
        if known is None:
            known = f"{chance.getrandbits(128):032x}", "", _SAMPLED
            request.tracestate = None
        trace_id, parent_id, flags = known
        span_id = f"{chance.getrandbits(64):016x}"
        request.traceparent = f"00-{trace_id}-{span_id}-{flags:02x}"
        start, began, code = wall(), now(), Code.OK
        try:
            response = await inner(request)
            if response.failure is not None:
                code = response.failure.code
            return response
        except BaseException as error:
            code = outcome(error)
            if isinstance(error, CallError):
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
    found = re.fullmatch(_TRACEPARENT, traceparent) if traceparent is not None else None
    # Later versions may say more; version 00 may not.
    if found is None or (found[1] == "00" and found[5]):
        return None
    return found[2], found[3], int(found[4], 16)
