"""Keys that follow each other in time: which one to seal with, and which ones still open."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, NamedTuple, TypeVar

K = TypeVar("K")

OVERLAP: Final = 3_600_000 + 2 * 5_000 + 600_000
"""How long a key opens after its successor began, in milliseconds: the longest ttl, twice the skew, ten minutes."""
EARLY: Final = 60_000
"""How long before it begins a key opens already: a sender's clock may be ahead."""
SPREAD: Final = 60_000
"""Senders change over within this many milliseconds, each after a delay of its own."""


class Epoch(NamedTuple, Generic[K]):
    """A key, its id, and from when on it seals, in unix milliseconds."""

    begins: int
    kid: bytes
    key: K


class Epochs(Generic[K]):
    """The keys of a service, or of a channel; immutable, replaced whole.

    ``lag`` is this sender's own delay before it seals with a new key, at most ``SPREAD`` milliseconds.
    """

    __slots__ = ("_by_kid", "_lag", "_newest_first")

    def __init__(self, epochs: Sequence[Epoch[K]], lag: int = 0) -> None:
        if not epochs:
            raise ValueError("there is no epoch without a key; give at least the one in force")
        ordered = sorted(epochs, key=_begins)
        ends: list[int | None] = [later.begins + OVERLAP for later in ordered[1:]]
        ends.append(None)
        self._newest_first = ordered[::-1]
        self._lag = lag
        self._by_kid: dict[bytes, tuple[Epoch[K], int | None]] = {
            each.kid: (each, end) for each, end in zip(ordered, ends, strict=True)
        }

    def sealing(self, now: int) -> Epoch[K]:
        """Return the key to seal with at ``now``: the newest that has begun, else the first there is."""
        by = now - self._lag
        for each in self._newest_first:
            if each.begins <= by:
                return each
        return self._newest_first[-1]

    def opening(self, kid: bytes, now: int) -> K | None:
        """Return the key of that id if it opens what was sealed, or stored, at ``now``."""
        found = self._by_kid.get(kid)
        if found is None:
            return None
        epoch, end = found
        if now < epoch.begins - EARLY or (end is not None and now >= end):
            return None
        return epoch.key


def _begins(epoch: Epoch[K]) -> int:
    return epoch.begins
