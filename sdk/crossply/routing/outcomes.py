"""Successes and failures of the last seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.clock import Clock

_SLOTS = 10


class Outcomes:
    """``good`` and ``bad`` of the last ``window`` seconds, in ten slots; the sums are kept, not worked out."""

    __slots__ = ("_at", "_bad", "_good", "_now", "_slot", "_until", "bad", "good")

    def __init__(self, window: float, now: Clock) -> None:
        self._now = now
        self._slot = window / _SLOTS
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self.good = self.bad = 0
        self._good = [0] * _SLOTS
        self._bad = [0] * _SLOTS
        self._at = int(self._now() / self._slot)
        self._until = (self._at + 1) * self._slot

    def succeeded(self) -> None:
        """Count a success."""
        if (now := self._now()) >= self._until:
            self._turn(now)
        self._good[self._at % _SLOTS] += 1
        self.good += 1

    def failed(self) -> None:
        """Count a failure."""
        if (now := self._now()) >= self._until:
            self._turn(now)
        self._bad[self._at % _SLOTS] += 1
        self.bad += 1

    def _turn(self, now: float) -> None:
        """Begin the slot of ``now``, and empty those between it and the last one."""
        at = int(now / self._slot)
        for passed in range(self._at + 1, min(at, self._at + _SLOTS) + 1):
            place = passed % _SLOTS
            self.good -= self._good[place]
            self.bad -= self._bad[place]
            self._good[place] = self._bad[place] = 0
        self._at = max(at, self._at)
        self._until = (self._at + 1) * self._slot
