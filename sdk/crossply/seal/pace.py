"""How many new sessions a sender may begin: each costs a key agreement before anything of it is believed."""

from __future__ import annotations

import threading
from typing import Final

RATE: Final = 100
"""New sessions a second, for each credential; an honest sender begins one in ten minutes."""
_MILLISECONDS: Final = 1000


class Pace:
    """A token bucket for each key, of ``rate`` a second and as many at once; bounded."""

    __slots__ = ("_buckets", "_limit", "_lock", "rate")

    def __init__(self, rate: int = RATE, limit: int = 4096) -> None:
        self.rate = rate
        self._limit = limit
        self._lock = threading.Lock()
        self._buckets: dict[bytes, tuple[float, int]] = {}

    def allow(self, key: bytes, now: int) -> bool:
        """Return whether one more is within the rate; ``now`` is in milliseconds."""
        with self._lock:
            left, at = self._buckets.pop(key, (float(self.rate), now))
            left = min(self.rate, left + max(0, now - at) * self.rate / _MILLISECONDS)
            allowed = left >= 1
            if len(self._buckets) >= self._limit:
                self._buckets.pop(next(iter(self._buckets)))
            self._buckets[key] = (left - 1 if allowed else left, now)  # last: the first to go is the longest unused
            return allowed
