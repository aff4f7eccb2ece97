"""What an instance tells the registry of itself every few seconds: what its edges counted since, and its spans.

It may be lost: whoever needs every count asks the process itself, by an exporter or a metrics reader.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import msgspec

from crossply.errors import Code
from crossply.telemetry.histogram import LAST
from crossply.telemetry.recorder import Side, Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crossply.telemetry.edge import Edge
    from crossply.telemetry.histogram import Histogram
    from crossply.telemetry.recorder import MemoryRecorder

MOST_EDGES: Final = 500
MOST_SPANS: Final = 500

_Bucket = Annotated[int, msgspec.Meta(ge=0, le=LAST)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**40)]
_Name = Annotated[str, msgspec.Meta(max_length=255)]
_Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e15)]


class Counted(NamedTuple):
    """How often one outcome of an edge was within the time of a report, by bucket; ``seconds`` is their sum."""

    side: Side
    caller: _Name
    callee: _Name
    operation: _Name
    code: Code
    seconds: _Seconds
    buckets: dict[_Bucket, _Count]


class Report(msgspec.Struct, frozen=True):
    """``dropped`` counts the spans that are in no report since the process began."""

    counted: list[Counted]
    spans: list[Span]
    dropped: int = 0


_NOTHING: Final = [0] * (LAST + 1), 0.0
_decoder = msgspec.msgpack.Decoder(Report)
_encoder = msgspec.msgpack.Encoder()


def encode(report: Report) -> bytes:
    """Return the msgpack form."""
    return _encoder.encode(report)


def decode(raw: bytes) -> Report:
    """Return the report; raise ``msgspec.DecodeError`` or its ``ValidationError`` for anything else."""
    return _decoder.decode(raw)


class Reporter:
    """Makes the reports of one recorder: each says what the ones before it did not."""

    def __init__(self, recorder: MemoryRecorder) -> None:
        self._recorder = recorder
        self._said: dict[tuple[Edge, Code], tuple[list[int], float]] = {}
        self._spans: list[Span] = []
        self._dropped = 0
        self._next = 0

    def take(self, spans: list[Span]) -> None:
        """Have spans in the next report, as far as there is room."""
        room = MOST_SPANS - len(self._spans)
        self._spans += spans[:room]
        self._dropped += max(0, len(spans) - room)

    def report(self) -> Report | None:
        """Return what happened since the last report, ``None`` when nothing did; what is too much waits."""
        spans, self._spans = self._spans, []
        counted = [self._counted(*each) for each in islice(self._changed(), MOST_EDGES)]
        if not counted and not spans:
            return None
        return Report(counted, spans, self._dropped + self._recorder.dropped)

    def _changed(self) -> Iterator[tuple[Edge, Code, Histogram]]:
        """Yield from where the last report ended, so that where all do not fit each has its turn."""
        edges = list(self._recorder.edges())
        begin = self._next
        for step in range(len(edges)):
            self._next = (begin + step) % len(edges)
            edge = edges[self._next]
            for code, durations in edge.outcomes():
                buckets, seconds = self._said.get((edge, code), _NOTHING)
                # Instead of all buckets: what leaves the sum as it was took no time, and is in the first.
                if durations.seconds != seconds or durations.buckets[0] != buckets[0]:
                    yield edge, code, durations

    def _counted(self, edge: Edge, code: Code, durations: Histogram) -> Counted:
        now = list(durations.buckets), durations.seconds
        before = self._said.get((edge, code), _NOTHING)
        self._said[edge, code] = now
        more = {
            at: after - earlier
            for at, (after, earlier) in enumerate(zip(now[0], before[0], strict=True))
            if after != earlier
        }
        return Counted(edge.side, edge.caller, edge.callee, edge.operation, code, now[1] - before[1], more)
