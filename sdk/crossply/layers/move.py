"""Wait for this instance's move to a connection that may do what policy allows since lately."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crossply.clock import Clock
    from crossply.routing.moves import Moves


@layer
def move(inner: Handler, moves: Moves, now: Clock) -> Handler:
    """Send nothing that the broker would refuse: what is allowed succeeds on its first try."""

    async def moving(request: Request) -> Response:
        await moves.made(request, now)
        return await inner(request)

    return moving


@layer
def move_to_answer(inner: Handler, moves: Moves, now: Clock) -> Handler:
    """Run nothing whose reply the broker would refuse."""

    async def moving(request: Request) -> Response:
        await moves.made(request, now)
        return await inner(request)

    def moving_for_some(request: Request) -> Awaitable[Response]:
        return moving(request) if moves.concern(request) else inner(request)

    return moving_for_some
