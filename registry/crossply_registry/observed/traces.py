"""The last traces that data planes reported spans of."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.telemetry.recorder import Span

ALL_HAVE_TOLD: Final = 3.0
"""Seconds after which all who have a part in a trace have told of it: they report every two."""
_MOST_SPANS: Final = 20_000
_MOST_OF_ONE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Told:
    """A span, and the instance that told it."""

    service: str
    instance: str
    span: Span


@dataclass(slots=True)
class Trace:
    """What is known of one trace, heard of first at ``heard``; ``left_out`` counts the spans beyond what is kept."""

    trace_id: str
    heard: float
    spans: list[Told] = field(default_factory=list[Told])
    left_out: int = 0

    @property
    def began(self) -> int:
        """When the first span began, in unix nanoseconds."""
        return min(each.span.start for each in self.spans)


class Traces:
    """Traces by id; those that got no span for the longest time go when there are more than ``most`` spans."""

    def __init__(self, clock: Clock, *, most: int = _MOST_SPANS, most_of_one: int = _MOST_OF_ONE) -> None:
        self._clock = clock
        self._most = most
        self._most_of_one = most_of_one
        self._traces: OrderedDict[str, Trace] = OrderedDict()
        self._spans = 0

    def add(self, told: Told) -> None:
        """Take a span."""
        trace_id = told.span.trace_id
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = Trace(trace_id, self._clock())
        self._traces.move_to_end(trace_id)
        if len(trace.spans) >= self._most_of_one:
            trace.left_out += 1
            return
        trace.spans.append(told)
        self._spans += 1
        while self._spans > self._most:
            _, gone = self._traces.popitem(last=False)
            self._spans -= len(gone.spans)

    def get(self, trace_id: str) -> Trace | None:
        """Return a trace; None when none of its spans is here."""
        return self._traces.get(trace_id)

    def last(self, number: int) -> list[Trace]:
        """Return the traces that began last, the newest first; those that others may still tell of come after them."""
        now = self._clock()
        newest = sorted(
            self._traces.values(), key=lambda each: (now - each.heard >= ALL_HAVE_TOLD, each.began), reverse=True
        )
        return newest[:number]
