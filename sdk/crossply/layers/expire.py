"""Drop a request whose caller has stopped waiting, before any work is done for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import DeadlineExceeded, Executed
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crossply.clock import Clock


@layer
def expire(inner: Handler, now: Clock) -> Handler:
    """Refuse a request that is past its deadline."""

    def expiring(request: Request) -> Awaitable[Response]:
        if now() >= request.deadline:
            raise DeadlineExceeded(
                f"{request.operation}: the deadline passed before the endpoint was reached",
                executed=Executed.NO,
            )
        return inner(request)

    return expiring
