"""What ``trace`` and ``measure`` write to: counts by endpoint and outcome, and a ring of finished spans."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from crossply.errors import CallError, Code

if TYPE_CHECKING:
    from collections.abc import Iterable


class Side(StrEnum):
    """Which end of a call or event is told of."""

    CALLER = "caller"
    CALLEE = "callee"
    PUBLISHER = "publisher"
    SUBSCRIBER = "subscriber"


class Span(NamedTuple):
    """One finished span; ``start`` in unix nanoseconds, ``duration`` in seconds, ids in hexadecimal."""

    trace_id: str
    span_id: str
    parent_id: str
    side: Side
    operation: str
    start: int
    duration: float
    code: Code
    attempts: int


def outcome(error: BaseException) -> Code:
    """Return the code under which an exception is told of; a caller that gave up counts as ``aborted``."""
    if isinstance(error, CallError):
        return error.code
    return Code.ABORTED if isinstance(error, asyncio.CancelledError) else Code.INTERNAL


class Recorder(Protocol):
    """Takes what happened; called on the hot path, so it only stores."""

    def span(  # noqa: PLR0913, PLR0917 - not yet a Span: on the hot path nothing is built that may never be read
        self,
        trace_id: str,
        span_id: str,
        parent_id: str,
        side: Side,
        operation: str,
        start: int,
        duration: float,
        code: Code,
        attempts: int,
        /,
    ) -> None:
        """Take one finished span, the fields of ``Span``."""
        ...

    def measured(self, side: Side, operation: str, code: Code, duration: float) -> None:
        """Take one outcome and how long it took, in seconds."""
        ...


@dataclass(slots=True)
class Meter:
    """Outcomes of one operation on one side; ``seconds`` is the sum of their durations."""

    count: int = 0
    failed: int = 0
    seconds: float = 0.0
    last_failure: str = ""
    codes: dict[Code, int] = field(default_factory=dict[Code, int])


class MemoryRecorder:
    """Keeps meters, bounded by ``series``, and the last ``spans`` spans, in this process."""

    def __init__(self, *, series: int = 2000, spans: int = 4096) -> None:
        self._meters: dict[tuple[Side, str], Meter] = {}
        self._series = series
        self._spans: deque[tuple[str, str, str, Side, str, int, float, Code, int]] = deque(maxlen=spans)

    def span(self, *span: *tuple[str, str, str, Side, str, int, float, Code, int]) -> None:
        """Keep a span; the oldest one goes when the ring is full."""
        self._spans.append(span)

    @property
    def spans(self) -> list[Span]:
        """Return the spans that are kept, the oldest first."""
        return [Span(*span) for span in self._spans]

    def measured(self, side: Side, operation: str, code: Code, duration: float) -> None:
        """Count an outcome; operations beyond the bound count as ``_other``."""
        meter = self._meters.get((side, operation))
        if meter is None:
            if len(self._meters) >= self._series:
                operation = "_other"
            meter = self._meters.setdefault((side, operation), Meter())
        meter.count += 1
        meter.seconds += duration
        if code is not Code.OK:
            meter.failed += 1
            meter.last_failure = str(code)
        meter.codes[code] = meter.codes.get(code, 0) + 1

    def meter(self, side: Side, operation: str) -> Meter:
        """Return the meter of an operation; an empty one when nothing happened."""
        return self._meters.get((side, operation)) or Meter()

    def meters(self) -> Iterable[tuple[Side, str, Meter]]:
        """Return every meter with its side and operation."""
        return [(side, operation, meter) for (side, operation), meter in self._meters.items()]
