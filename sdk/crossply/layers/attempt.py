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
    queue group, where nobody can be pinged, an idempotent call shares its time among its ``attempts``.
    """

    def within_attempt(request: Request) -> Awaitable[Response]:
        bound = policy.attempt
        if bound is None and attempts > 1 and request.instance is None and idempotent(request):
            bound = policy.total / attempts
        if bound is not None:
            request.deadline = min(request.deadline, now() + bound)
        return inner(request)

    return within_attempt
