"""Count and time every call and event, by operation and outcome."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.errors import CallError, Code
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.telemetry.recorder import Recorder, Side


@layer
def measure(inner: Handler, recorder: Recorder, side: Side, now: Clock) -> Handler:
    """Tell ``recorder`` the outcome of each request and how long it took."""

    async def measuring(request: Request) -> Response:
        began = now()
        try:
            response = await inner(request)
        except CallError as error:
            recorder.measured(side, request.operation, error.code, now() - began)
            raise
        except asyncio.CancelledError:
            recorder.measured(side, request.operation, Code.ABORTED, now() - began)
            raise
        failure = response.failure
        recorder.measured(
            side, request.operation, Code.OK if failure is None else failure.code, now() - began
        )
        return response

    return measuring
