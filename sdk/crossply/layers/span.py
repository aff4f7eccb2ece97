"""Give each attempt of a sampled call a span of its own, below the call's: where it went and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import Code
from crossply.handler import Handler, Request, Response, layer
from crossply.telemetry.attempts import Cause, Tried
from crossply.telemetry.recorder import Recorder, outcome
from crossply.telemetry.traceparent import FLAGS, SAMPLED_FLAGS

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crossply.clock import Clock


@layer
def span(inner: Handler, recorder: Recorder, now: Clock, *, hedged: bool = False) -> Handler:
    """Send an attempt with a trace context of its own, which the callee continues, and tell of it when it has ended.

    Attempts of calls that are not sampled pass as they are. ``hedged`` ones joined another that took long.
    """
    tell, ids = recorder.tried, recorder.ids

    def spanning(request: Request) -> Awaitable[Response]:
        context = request.traceparent
        if context is None or context[FLAGS] not in SAMPLED_FLAGS:
            return inner(request)
        return sampling(request, context)

    async def sampling(request: Request, call: str) -> Response:
        # The layers below write into the request, and a hedge into its number: what is told is what it began as.
        number = request.attempt
        cause = Cause.HEDGE if hedged else Cause.RETRY if number > 1 else Cause.FIRST
        request.traceparent = own = f"{call[:36]}{ids.span()}{call[52:]}"
        began, code = now(), Code.OK
        try:
            return await inner(request)
        except BaseException as error:
            code = outcome(error)
            raise
        finally:
            # The request is the call's as well, whose span is told of later.
            request.traceparent = call
            operation, state, instance, subset = request.operation, request.tracestate, request.instance, request.subset
            took = now() - began
            tell(Tried(operation, call, own, state, began, took, code, number, cause, instance, subset))

    return spanning
