"""What attempts of one operation take: enough to say what 95 of 100 stay below."""

from __future__ import annotations

import math

_STEPS = 8
_LOWEST, _HIGHEST = -24, 13
_FIRST, _EVERY, _FADE = 20, 64, 1024
_TAIL = 0.05


class Latencies:
    """Counts in eight buckets an octave, from 60 ns to over an hour; older ones fade, as counts halve at times.

    ``p95`` is in seconds, ``None`` for the first twenty attempts, and worked out anew every 64.
    """

    def __init__(self) -> None:
        self.p95: float | None = None
        self._counts = [0] * ((_HIGHEST - _LOWEST + 1) * _STEPS)
        self._total = 0
        self._next = _FIRST

    def add(self, seconds: float) -> None:
        """Count an attempt that was answered."""
        mantissa, exponent = math.frexp(seconds)
        octave = min(max(exponent, _LOWEST), _HIGHEST) - _LOWEST
        self._counts[octave * _STEPS + int((mantissa - 0.5) * 2 * _STEPS) if seconds > 0 else 0] += 1
        self._total += 1
        self._next -= 1
        if not self._next:
            self._next = _EVERY
            self._work_out()

    def at_least(self, seconds: float) -> None:
        """Count an attempt that was given up: it would have taken longer, so it counts if it is slow already."""
        if self.p95 is not None and seconds >= self.p95:
            self.add(seconds)

    def _work_out(self) -> None:
        above = _TAIL * self._total
        place = len(self._counts) - 1
        while (above := above - self._counts[place]) >= 0 and place:
            place -= 1
        octave, step = divmod(place, _STEPS)
        self.p95 = math.ldexp(0.5 + (step + 1) / (2 * _STEPS), octave + _LOWEST)
        if self._total >= _FADE:
            self._counts = [count // 2 for count in self._counts]
            self._total = sum(self._counts)
