"""The token buckets of one rate limit: one for each caller, tenant or key, in a table that is bounded.

A bucket is one number, the time at which it will be full again (GCRA, ATM Forum TM 4.0: the virtual scheduling
algorithm), so a decision is a look-up, a comparison and a store. Where the limit is shared by the mesh, a bucket has
this instance's share of rate and burst; when the share changes the tokens stay what they were, so that moving shares
about makes none.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply_policy.rate_limit import RateLimitPolicy

MOST_BUCKETS: Final = 4096
_LOOKED_AT: Final = 8
_LEAST_SHARE: Final = 0.001
_ROUNDING: Final = 1e-9
"""Seconds of rounding, for which nobody is sent away."""


class Buckets:
    """Buckets by key; an absent one counts as full, so a full one may be forgotten."""

    __slots__ = ("_apart", "_full_at", "_most", "_now", "_since", "_tolerance", "asked", "policy", "share")

    def __init__(self, policy: RateLimitPolicy, now: Clock, *, share: float = 1.0, most: int = MOST_BUCKETS) -> None:
        self.policy = policy
        self.share = share
        self.asked = 0
        self._now = now
        self._most = most
        self._full_at: dict[str, float] = {}
        self._since = -math.inf
        self._set(share)

    def __len__(self) -> int:
        return len(self._full_at)

    def take(self, key: str) -> float:
        """Take one token and return 0.0, or return the seconds until there will be one."""
        now = self._now()
        self.asked += 1
        full_at = self._full_at.get(key)
        if full_at is None:
            full_at = self._since
            if len(self._full_at) >= self._most:
                self._make_room(now)
        full_at = max(full_at, now) + self._apart
        wait = full_at - now - self._tolerance
        if wait > _ROUNDING:
            return wait
        self._full_at[key] = full_at
        return 0.0

    def tokens(self, key: str) -> float:
        """Return how many may be taken at once now."""
        full_at = self._full_at.get(key, self._since)
        return self._tokens(full_at, self._now())

    def share_out(self, share: float) -> None:
        """Have another share of rate and burst from now on; no bucket has more tokens by it."""
        share = max(share, _LEAST_SHARE)
        if share == self.share:
            return
        now = self._now()
        held = {key: self._tokens(full_at, now) for key, full_at in self._full_at.items() if full_at > now}
        full = self._tokens(self._since, now)
        self._set(share)
        self._full_at = {key: self._time(tokens, now) for key, tokens in held.items()}
        self._since = self._time(full, now)

    def _set(self, share: float) -> None:
        self.share = share
        # What travels in tokens is at least one: less would let nobody through, ever.
        self._apart = 1.0 / (self.policy.rate * share)
        self._tolerance = max(1.0, self.policy.burst * share) * self._apart

    def _tokens(self, full_at: float, now: float) -> float:
        return (self._tolerance - max(0.0, full_at - now)) / self._apart

    def _time(self, tokens: float, now: float) -> float:
        """Return when a bucket that holds so many tokens now will be full."""
        return now + self._tolerance - min(tokens * self._apart, self._tolerance)

    def _make_room(self, now: float) -> None:
        """Forget a bucket: one that is full again, of the oldest few; else the oldest, as memory is bounded."""
        oldest = next(iter(self._full_at))
        for _ in range(_LOOKED_AT):
            key = next(iter(self._full_at))
            full_at = self._full_at.pop(key)
            if full_at <= max(now, self._since):
                return
            self._full_at[key] = full_at
        self._full_at.pop(oldest, None)
