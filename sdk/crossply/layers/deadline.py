"""Give every call a deadline: the caller's own, the one inherited from the call being served, the policy's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.context import AMBIENT
from crossply.errors import DeadlineExceeded, Executed
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crossply.clock import Clock


@layer
def deadline(inner: Handler, total: float, now: Clock) -> Handler:
    """Set the earliest of the three; refuse what is past it already. ``total`` in seconds."""

    def within_deadline(request: Request) -> Awaitable[Response]:
        started = now()
        # Comparisons, as min() takes three times as long.
        latest = started + total
        if request.deadline < latest:  # noqa: PLR1730 - see above
            latest = request.deadline
        ambient = AMBIENT.get()
        if ambient is not None and ambient.deadline < latest:
            latest = ambient.deadline
        request.deadline = latest
        if latest <= started:
            raise DeadlineExceeded(
                f"{request.operation}: the deadline has passed before the call began", executed=Executed.NO
            )
        return inner(request)

    return within_deadline
