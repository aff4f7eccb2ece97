"""How long things took, in buckets of equal relative width: bounded, mergeable, and as cheap as an addition.

Eight buckets an octave from 61 us to 64 s, and one at each end: a percentile is off by an eighth at most. The
buckets are log-linear, so finding one is ``frexp`` and a multiplication; no logarithm and no search.
"""

from __future__ import annotations

from itertools import pairwise
from math import frexp, ldexp
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_PER_OCTAVE: Final = 8
_FIRST: Final = -13
_OCTAVES: Final = 20
LAST: Final = _OCTAVES * _PER_OCTAVE + 1
"""The bucket of all that takes longer than the bounded ones."""
_OFFSET: Final = 1 - _PER_OCTAVE - _FIRST * _PER_OCTAVE


def upper(bucket: int) -> float:
    """Return the seconds that a bucket ends at, which belong to the next; infinite for the last."""
    if bucket >= LAST:
        return float("inf")
    octave, step = divmod(bucket - 1, _PER_OCTAVE)
    return ldexp((_PER_OCTAVE + 1 + step) / (2 * _PER_OCTAVE), octave + _FIRST)


class Histogram:
    """Counts by bucket, and the sum of what was counted, in seconds."""

    __slots__ = ("buckets", "seconds")

    def __init__(self) -> None:
        self.buckets = [0] * (LAST + 1)
        self.seconds = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        fraction, octave = frexp(seconds)
        bucket = (octave * 8) + int(fraction * 16.0) + _OFFSET if fraction > 0.0 else 0
        if bucket < 0:
            bucket = 0
        elif bucket > LAST:
            bucket = LAST
        self.buckets[bucket] += 1
        self.seconds += seconds

    @property
    def count(self) -> int:
        """How many durations there were."""
        return sum(self.buckets)

    def merge(self, buckets: Mapping[int, int], seconds: float) -> None:
        """Count what another one counted; raise ``IndexError`` for a bucket that there is not."""
        for bucket, count in buckets.items():
            self.buckets[bucket] += count
        self.seconds += seconds


def quantile(buckets: Iterable[tuple[int, int]], share: float) -> float | None:
    """Return the seconds below which ``share`` of the durations lie, between a bucket's ends by rank; None of none.

    ``buckets`` are counts by bucket, in any order. Of what is above 64 s it is only known that it is.
    """
    counted = sorted(buckets)
    rank = share * sum(count for _, count in counted)
    for bucket, count in counted:
        if count and rank <= count:
            low = upper(bucket - 1) if bucket else 0.0
            return low if bucket >= LAST else low + (upper(bucket) - low) * rank / count
        rank -= count
    return None


_EXPORTED: Final = (16, 24, 32, 42, 50, 58, 69, 77, 82, 85, 96, 104, 108, 112, 122, 130, 135, 138, 151)
"""The buckets at whose ends exported ones end: 0.25 ms to 30 s, those of OpenTelemetry extended downwards.

Where one of ours ends beside a round number (0.1015625 for 0.1) ours is said, as the counts are exact there.
"""
BOUNDS: Final = tuple(upper(bucket) for bucket in _EXPORTED)
"""Where exported buckets end, in seconds; the last one has no end."""


def exported(buckets: list[int]) -> list[int]:
    """Return the counts between ``BOUNDS``: one more than there are bounds."""
    ends = (-1, *_EXPORTED, LAST)
    return [sum(buckets[low + 1 : high + 1]) for low, high in pairwise(ends)]
