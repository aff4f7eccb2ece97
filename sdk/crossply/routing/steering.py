"""Which of an operation's routes a call takes, where that is for its metadata to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from crossply.handler import Handler, Request, Response
    from crossply_policy.traffic import Condition


def steered(routes: Sequence[tuple[Condition, Handler]]) -> Handler:
    """Return the handler that passes a call to the first whose condition its metadata meets; the last has none.

    An operation with one route is that route's handler itself.
    """
    *conditional, (_, otherwise) = [(frozenset(condition), handler) for condition, handler in routes]
    if not conditional:
        return otherwise

    def steering(request: Request) -> Awaitable[Response]:
        if request.metadata:
            said = request.metadata.items()
            for condition, handler in conditional:
                if condition <= said:
                    return handler(request)
        return otherwise(request)

    return steering
