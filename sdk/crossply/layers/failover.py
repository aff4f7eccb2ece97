"""Take another subset for one that has nobody who could take a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crossply.routing.subsets import Subsets


@layer
def failover(inner: Handler, order: tuple[str, ...], subsets: Subsets) -> Handler:
    """Keep a call in its subset, or in the first of ``order``, while somebody there is well.

    Otherwise the next in ``order`` takes it, after the last the first. Where nobody is well it stays.
    """
    following = {subset: (*order[place + 1 :], *order[:place]) for place, subset in enumerate(order)}

    def failing_over(request: Request) -> Awaitable[Response]:
        subset = request.subset or order[0]
        if not subsets.healthy(subset):
            subset = next(filter(subsets.healthy, following.get(subset, order)), subset)
        request.subset = subset
        return inner(request)

    return failing_over
