"""Give every call and event a span in its caller's trace, and the trace context that travels with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from crossply.context import AMBIENT
from crossply.errors import CallError, Code
from crossply.handler import Handler, Request, Response, layer
from crossply.telemetry.recorder import Recorder, Side, outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Chance, Clock

_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED = 1


@layer
def trace(
    inner: Handler, recorder: Recorder, side: Side, now: Clock, wall: Callable[[], int], chance: Chance
) -> Handler:
    """Open a span around ``inner``; ``wall`` gives unix nanoseconds for its start, ``now`` its duration."""
    outbound = side in {Side.CALLER, Side.PUBLISHER}

    async def tracing(request: Request) -> Response:
        trace_id, parent_id, span_id, flags = _joined(request, chance, outbound=outbound)
        request.traceparent = f"00-{trace_id}-{span_id}-{flags}"
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
            if int(flags, 16) & _SAMPLED:
                duration = now() - began
                recorder.span(
                    trace_id, span_id, parent_id, side, request.operation, start, duration, code, request.attempt
                )

    return tracing


def _joined(request: Request, chance: Chance, *, outbound: bool) -> tuple[str, str, str, str]:
    """Return trace id, parent's span id, a new span id and the flags: of the trace there is, or of a new one."""
    parent = request.traceparent
    if parent is None and outbound and (ambient := AMBIENT.get()) is not None:
        parent = ambient.traceparent
        request.tracestate = ambient.tracestate
    known = parsed(parent) if parent is not None else None
    if known is None:
        request.tracestate = None
        digits = chance.getrandbits(192).to_bytes(24, "big").hex()
        return digits[:32], "", digits[32:], "01"
    trace_id, parent_id, flags = known
    return trace_id, parent_id, chance.getrandbits(64).to_bytes(8, "big").hex(), flags


def parsed(traceparent: str) -> tuple[str, str, str] | None:
    """Return trace id, span id and flags of a W3C ``traceparent``; ``None`` when it is malformed."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None:
        return None
    version, trace_id, span_id, flags, more = found.groups()
    # Later versions may say more; version 00 may not.
    return None if more and version == "00" else (trace_id, span_id, flags)
