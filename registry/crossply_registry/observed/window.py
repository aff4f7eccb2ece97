"""What happened on every edge within the last minutes, in slices of a few seconds that are forgotten whole."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias

from crossply.errors import Code
from crossply.telemetry.names import OTHER
from crossply.telemetry.recorder import Side

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.telemetry.report import Counted

SLICE: Final = 5.0
LONGEST: Final = 600.0
"""Seconds that the window reaches back."""
_MOST_EDGES: Final = 1_000

Key: TypeAlias = tuple[Side, str, str, str]
"""Side, caller, callee and operation."""


@dataclass(slots=True)
class Seen:
    """What one edge's outcomes were, and their durations by bucket whatever the outcome; seconds."""

    codes: dict[Code, int] = field(default_factory=dict[Code, int])
    buckets: dict[int, int] = field(default_factory=dict[int, int])

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.codes.values())

    def add(self, code: Code, buckets: dict[int, int]) -> None:
        """Count some more."""
        self.codes[code] = self.codes.get(code, 0) + sum(buckets.values())
        for bucket, count in buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count

    def merge(self, other: Seen) -> None:
        """Count what another one counted."""
        for code, count in other.codes.items():
            self.codes[code] = self.codes.get(code, 0) + count
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + count


class Window:
    """Edges by slice; those beyond ``most`` in a slice are counted as one."""

    def __init__(self, clock: Clock, *, most: int = _MOST_EDGES) -> None:
        self._clock = clock
        self._most = most
        self._began = clock()
        self._slices: deque[tuple[float, dict[Key, Seen]]] = deque()

    def __len__(self) -> int:
        return len(self._slices)

    def add(self, counted: Counted) -> None:
        """Take what a report says of one edge and outcome."""
        edges = self._now()
        key = (counted.side, counted.caller, counted.callee, counted.operation)
        seen = edges.get(key)
        if seen is None:
            if len(edges) >= self._most:
                key = (counted.side, OTHER, OTHER, OTHER)
            seen = edges.setdefault(key, Seen())
        seen.add(counted.code, counted.buckets)

    def _now(self) -> dict[Key, Seen]:
        now = self._clock()
        if not self._slices or now - self._slices[-1][0] >= SLICE:
            self._slices.append((now, {}))
            while self._slices[0][0] < now - LONGEST:
                self._slices.popleft()
        return self._slices[-1][1]

    def last(self, seconds: float) -> tuple[float, dict[Key, Seen]]:
        """Return what happened in the last seconds, and how many of them there were: not more than this process saw."""
        now = self._clock()
        found: dict[Key, Seen] = {}
        for began, edges in self._slices:
            # A slice counts when any of it may lie within.
            if began + SLICE > now - seconds:
                for key, seen in edges.items():
                    found.setdefault(key, Seen()).merge(seen)
        return max(SLICE, min(seconds, now - self._began)), found
