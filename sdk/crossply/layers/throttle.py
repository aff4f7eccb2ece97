"""Keep to the rate limits: refuse what is above one, and say which and when to come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import RateLimited
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from crossply.protection.buckets import Buckets

    Named = Callable[[Request], str]


@layer
def throttle(inner: Handler, limits: Sequence[tuple[Buckets, Named]]) -> Handler:
    """Take a token of each limit, in order; each comes with how to tell whose bucket a request draws from."""
    if len(limits) == 1:
        return _by_one(inner, *limits[0])

    def throttling(request: Request) -> Awaitable[Response]:
        for buckets, named in limits:
            wait = buckets.take(named(request))
            if wait:
                raise _refusal(request, buckets, wait)
        return inner(request)

    return throttling


def _by_one(inner: Handler, buckets: Buckets, named: Named) -> Handler:
    """Return the same for one limit, which is what most have."""

    def throttling(request: Request) -> Awaitable[Response]:
        wait = buckets.take(named(request))
        if wait:
            raise _refusal(request, buckets, wait)
        return inner(request)

    return throttling


def _refusal(request: Request, buckets: Buckets, wait: float) -> RateLimited:
    policy = buckets.policy
    whom = "" if policy.per == "all" else f" per {policy.per}"
    return RateLimited(
        f"{request.operation}: rate limit {policy.name} allows {policy.rate:g} a second{whom}",
        rule=policy.name,
        retry_after=wait,
    )


def drawn_from(per: str, own: str, *, outbound: bool) -> Callable[[Request], str]:
    """Return how to tell whose bucket a request draws from; what goes out is of this very service."""
    if per == "key":
        return _key
    if per == "all" or outbound:
        return lambda _request: own
    return _caller if per == "caller" else _tenant


def _key(request: Request) -> str:
    """Those without a key share one bucket."""
    return request.key or ""


def _caller(request: Request) -> str:
    return request.peer.service if request.peer is not None else ""


def _tenant(request: Request) -> str:
    """The tenant in ``spiffe://<trust domain>/t/<tenant>/svc/<service>``; nothing for who has no identity."""
    identity = request.peer.identity if request.peer is not None else ""
    return identity.split("/", 5)[4] if identity else ""
