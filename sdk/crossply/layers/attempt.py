"""Bound one attempt, so that a slow one leaves time for another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.clock import Clock
    from crossply_policy.documents import TimeoutPolicy


@layer
def attempt(
    inner: Handler, policy: TimeoutPolicy, attempts: int, idempotent: Callable[[Request], bool], now: Clock
) -> Handler:
    """Give an attempt ``policy.attempt`` seconds.

    Where the policy does not say, all the time there is, as a crashed instance is found by pinging it; but in the
    queue group, where nobody can be pinged, an idempotent call shares the time it has left among the attempts it has
    left, of ``attempts`` in all: what a stopped instance or broker swallows is sent again within the deadline.
    """

    def within_attempt(request: Request) -> Awaitable[Response]:
        bound = policy.attempt
        if bound is None and attempts > 1 and request.instance is None and idempotent(request):
            moment = now()
            request.deadline = moment + (request.deadline - moment) / (attempts - request.attempt + 1)
        elif bound is not None:
            request.deadline = min(request.deadline, now() + bound)
        return inner(request)

    return within_attempt
