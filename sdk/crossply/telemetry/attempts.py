"""What is kept of the attempts of sampled calls: each becomes a span below that of its call."""

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
