"""Refuse early what could not be served well: while draining, or above the limit of calls in flight."""

from __future__ import annotations

from dataclasses import dataclass

from crossply.errors import Overloaded, Unavailable
from crossply.handler import Handler, Request, Response, layer

_RETRY_AFTER = 0.1


@dataclass(slots=True)
class Admission:
    """How many requests this instance serves now, how many it may, and whether it takes any."""

    limit: int
    in_flight: int = 0
    draining: bool = False


@layer
def admit(inner: Handler, admission: Admission) -> Handler:
    """Let a request in, and count it until its response is done."""

    def leave() -> None:
        admission.in_flight -= 1

    async def admitting(request: Request) -> Response:
        if admission.draining:
            raise Unavailable(f"{request.operation}: this instance is draining")
        if admission.in_flight >= admission.limit:
            raise Overloaded(
                f"{request.operation}: {admission.limit} requests are in flight at this instance already",
                retry_after=_RETRY_AFTER,
            )
        admission.in_flight += 1
        try:
            response = await inner(request)
        except BaseException:
            leave()
            raise
        response.when_done(leave)
        return response

    return admitting
