"""Send a copy of a share of the calls somewhere else; nobody waits for it, and its answer is dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.clock import Chance


@layer
def mirror(inner: Handler, percentage: float, copy: Callable[[Request], None], chance: Chance) -> Handler:
    """Hand ``percentage`` percent of the requests to ``copy``, which returns at once and raises nothing."""
    share = percentage / 100.0

    def mirroring(request: Request) -> Awaitable[Response]:
        if share >= 1.0 or chance.random() < share:
            copy(request)
        return inner(request)

    return mirroring
