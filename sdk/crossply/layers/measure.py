"""Count and time every call and event, by operation and outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import Code
from crossply.handler import Handler, Request, Response, layer
from crossply.telemetry.recorder import Recorder, Side, outcome

if TYPE_CHECKING:
    from crossply.clock import Clock


@layer
def measure(inner: Handler, recorder: Recorder, side: Side, now: Clock) -> Handler:
    """Tell ``recorder`` the outcome of each request and how long it took."""

    async def measuring(request: Request) -> Response:
        began = now()
        try:
            response = await inner(request)
        except BaseException as error:
            recorder.measured(side, request.operation, outcome(error), now() - began)
            raise
        failure = response.failure
        recorder.measured(side, request.operation, Code.OK if failure is None else failure.code, now() - began)
        return response

    return measuring
