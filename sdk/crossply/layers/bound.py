"""Stop the endpoint at the deadline: the one timer of the inbound side."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from crossply.errors import DeadlineExceeded
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from crossply.clock import Clock


@layer
def bound(inner: Handler, now: Clock) -> Handler:
    """Cancel ``inner`` at the request's deadline."""

    async def bounding(request: Request) -> Response:
        if math.isinf(request.deadline):
            return await inner(request)
        limit = asyncio.timeout(request.deadline - now())
        try:
            async with limit:
                return await inner(request)
        except TimeoutError:
            if not limit.expired():
                raise
            raise DeadlineExceeded(f"{request.operation}: the endpoint was stopped at the deadline") from None

    return bounding
