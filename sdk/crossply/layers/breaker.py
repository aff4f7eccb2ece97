"""Stop calling a subset that keeps failing: it gets time to recover, and callers get an answer at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import CircuitOpen
from crossply.handler import Handler, Request, Response, layer
from crossply.routing.breaker import REFUSED, Breaker
from crossply.routing.verdict import verdict

if TYPE_CHECKING:
    from crossply.routing.held import BySubset


@layer
def breaker(inner: Handler, breakers: BySubset[Breaker]) -> Handler:
    """Refuse attempts to a subset while its breaker is open, and tell the breaker how the others end."""

    async def breaking(request: Request) -> Response:
        state = breakers.of(request.subset)
        ticket = state.enter()
        if ticket == REFUSED:
            raise refused(request, state)
        try:
            response = await inner(request)
        except BaseException as error:
            works = verdict(error)
            if works is None:
                state.gave_up(ticket)
            elif works:
                state.succeeded(ticket)
            else:
                state.failed(ticket)
            raise
        state.succeeded(ticket)
        return response

    return breaking


def refused(request: Request, state: Breaker) -> CircuitOpen:
    """Return the error of an attempt that the breaker does not let through."""
    service, subset, left = request.service, request.subset, state.left()
    whom = service if subset is None else f"{service}, subset {subset},"
    until = f"for {left:.1f} s more" if left else "until the attempts that were let through to see have ended"
    return CircuitOpen(
        f"{request.operation}: the breaker is open, as too many attempts to {whom} failed; nothing is sent {until}."
        f" Find out why {service} fails; its policy is `breaker` of Service/{service}",
        retry_after=left or None,
    )
