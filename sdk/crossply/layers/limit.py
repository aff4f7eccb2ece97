"""Bound what a caller has in flight to a subset, so that a slow one does not take all that the caller has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import Overloaded
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from crossply.routing.held import BySubset
    from crossply.routing.slots import Slots


@layer
def limit(inner: Handler, slots: BySubset[Slots]) -> Handler:
    """Send an attempt when there is a slot for it; wait in line for one until the deadline, if the line is not full."""

    async def limiting(request: Request) -> Response:
        held = slots.of(request.subset)
        if not held.take() and not await held.wait(request.deadline):
            raise refused(request, held)
        try:
            response = await inner(request)
        except BaseException:
            held.leave()
            raise
        response.when_done(held.leave)
        return response

    return limiting


def refused(request: Request, held: Slots) -> Overloaded:
    """Return the error of an attempt that found no slot."""
    service, subset, policy = request.service, request.subset, held.policy
    whom = service if subset is None else f"{service}, subset {subset},"
    return Overloaded(
        f"{request.operation}: this caller has {held.in_flight} attempts to {whom} in flight, {held.waiting} waiting;"
        f" `limit` of Service/{service} allows {policy.in_flight} and {policy.queue}. Call less at once, or raise it"
    )
