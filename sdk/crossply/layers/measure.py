"""Time every call and event and tell the recorder, which counts it and keeps its span."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import CallError, Code
from crossply.handler import Handler, Request, Response, layer
from crossply.telemetry.recorder import Recorder, Side, outcome

if TYPE_CHECKING:
    from crossply.clock import Clock


@layer
def measure(inner: Handler, recorder: Recorder, side: Side, now: Clock) -> Handler:
    """Tell ``recorder`` the outcome of each request, when it began and how long it took; errors learn their trace."""
    tell = recorder.ledger(side)
    ok = Code.OK

    async def measuring(request: Request) -> Response:
        began = now()
        try:
            response = await inner(request)
        except BaseException as error:
            tell(request, outcome(error), began, now() - began)
            if isinstance(error, CallError) and error.trace_id is None and request.traceparent is not None:
                error.trace_id = request.traceparent[3:35]
            raise
        failure = response.failure
        tell(request, ok if failure is None else failure.code, began, now() - began)
        return response

    return measuring
