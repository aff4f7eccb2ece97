"""The rate limits of this process: their buckets outlive a snapshot, unless the limit itself has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply.layers.throttle import drawn_from
from crossply.protection.buckets import Buckets

UNTIL_TOLD: Final = 0.1
"""The share of an instance that was never given one."""

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from crossply.clock import Clock
    from crossply.handler import Request
    from crossply_policy.rate_limit import RateLimitPolicy
    from crossply_policy.snapshot import Snapshot

    Limited = tuple[tuple[Buckets, Callable[[Request], str]], ...]


class Rates:
    """Buckets by the limit's name; a limit of several endpoints, or of calls to several services, is one."""

    def __init__(self, service: str, now: Clock) -> None:
        self._service = service
        self._now = now
        self._buckets: dict[str, Buckets] = {}
        self._on_shared: Callable[[], None] = _nobody_asks

    def served(self, snapshot: Snapshot, endpoint: str) -> Limited:
        """Return the limits of calls that come in to an endpoint of this service."""
        return self._of(snapshot.rate_limits.calls(self._service, endpoint, "callee"), outbound=False)

    def called(self, snapshot: Snapshot, service: str, endpoint: str) -> Limited:
        """Return the limits that this caller keeps to by itself."""
        return self._of(snapshot.rate_limits.calls(service, endpoint, "caller"), outbound=True)

    def published(self, snapshot: Snapshot, channel: str) -> Limited:
        """Return the limits of events that this service publishes to a channel."""
        return self._of(snapshot.rate_limits.events(channel), outbound=True)

    def adopt(self, snapshot: Snapshot) -> None:
        """Forget the buckets of limits that are no more; those of one that changed go when it is next kept to."""
        known = {policy.name for policy in snapshot.rate_limits.every()}
        self._buckets = {name: one for name, one in self._buckets.items() if name in known}

    def shared(self) -> dict[str, Buckets]:
        """Return the buckets of limits that the mesh keeps together."""
        return {name: one for name, one in self._buckets.items() if one.policy.scope == "mesh"}

    def on_shared(self, told: Callable[[], None]) -> None:
        """Call ``told`` when a limit begins that the mesh keeps together."""
        self._on_shared = told

    def _of(self, policies: Iterable[RateLimitPolicy], *, outbound: bool) -> Limited:
        return tuple(
            (self._bucket(policy), drawn_from(policy.per, self._service, outbound=outbound)) for policy in policies
        )

    def _bucket(self, policy: RateLimitPolicy) -> Buckets:
        known = self._buckets.get(policy.name)
        if known is None or known.policy != policy:
            known = self._buckets[policy.name] = Buckets(policy, self._now, share=_first_share(policy, known))
            if policy.scope == "mesh":
                self._on_shared()
        return known


def _first_share(policy: RateLimitPolicy, before: Buckets | None) -> float:
    """Return the share to begin with: all of what each instance keeps by itself, else what it had of it."""
    if policy.scope == "instance":
        return 1.0
    return UNTIL_TOLD if before is None or before.policy.scope == "instance" else before.share


def _nobody_asks() -> None:
    return
