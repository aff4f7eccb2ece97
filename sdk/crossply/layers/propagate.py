"""Pass on what belongs to the whole chain of calls: baggage, and the id that stays over all attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.context import AMBIENT
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Awaitable


@layer
def propagate(inner: Handler) -> Handler:
    """Add the baggage of the call being served to what this one carries of its own."""

    def propagating(request: Request) -> Awaitable[Response]:
        ambient = AMBIENT.get()
        if ambient is not None and ambient.baggage:
            request.baggage = {**ambient.baggage, **(request.baggage or {})}
        return inner(request)

    return propagating
