"""The attempts of sampled calls, kept until they are taken: each becomes a span under that of its call."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from crossply.errors import Code


class Cause(StrEnum):
    """Why an attempt was made: it began the call, followed one that failed, or joined one that took long."""

    FIRST = "first"
    RETRY = "retry"
    HEDGE = "hedge"


class Tried(NamedTuple):
    """An attempt that has ended; ``call`` is the trace context of its call, ``own`` the one it was sent with.

    ``began`` is on the monotonic clock; ``instance`` and ``subset`` are ``None`` where the queue group chose, and where
    there are none.
    """

    operation: str
    call: str
    own: str
    tracestate: str | None
    began: float
    duration: float
    code: Code
    number: int
    cause: Cause
    instance: str | None
    subset: str | None


class Attempts:
    """At most ``most`` at a time; ``dropped`` counts those for which there was no room."""

    __slots__ = ("_kept", "_most", "dropped")

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[Tried] = []
        self.dropped = 0

    def keep(self, tried: Tried) -> None:
        """Keep an attempt that has ended."""
        if len(self._kept) < self._most:
            self._kept.append(tried)
        else:
            self.dropped += 1

    def take(self) -> list[Tried]:
        """Return those kept since the last time and keep them no more."""
        kept, self._kept = self._kept, []
        return kept
