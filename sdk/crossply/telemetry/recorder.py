"""What ``trace`` and ``measure`` write to: durations by edge and outcome, and finished spans until they are taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, Protocol, TypeAlias

import msgspec

from crossply import clock
from crossply.errors import CallError, Code
from crossply.telemetry.attempts import Cause, Tried
from crossply.telemetry.edge import Edge
from crossply.telemetry.meter import Meter
from crossply.telemetry.names import OTHER
from crossply.telemetry.sampling import Sampling
from crossply.telemetry.traceparent import FLAGS, SAMPLED_FLAGS, SpanIds, is_sampled, span_id, trace_id
from crossply_policy.documents import TelemetryPolicy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from crossply.clock import Chance, Clock
    from crossply.handler import Request

_OK: Final = Code.OK
_LONGEST_STATE: Final = 512


class Side(StrEnum):
    """Which end of a call or event is told of."""

    CALLER = "caller"
    CALLEE = "callee"
    PUBLISHER = "publisher"
    SUBSCRIBER = "subscriber"


_Trace: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
_Id: TypeAlias = Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{16})?$")]
_Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=255)]
_Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=512)]
_UnixNanoseconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_Seconds: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
_Number: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class Span(NamedTuple):
    """One finished span; ``start`` in unix nanoseconds, ``duration`` in seconds, ids in hexadecimal.

    ``link`` is the trace context of the event that was handled; one that is fresh has it for its parent as well.
    ``kept`` says why a span of a trace that is not sampled is here: ``error`` or ``slow``. ``cause`` is there of an
    attempt, a child of its call: ``attempts`` is its number then, and ``instance`` and ``subset`` where it went. The
    bounds are for those that others report.
    """

    trace_id: _Trace
    span_id: _Id
    parent_id: _Id
    side: Side
    operation: _Name
    start: _UnixNanoseconds
    duration: _Seconds
    code: Code
    attempts: _Number = 1
    caller: _Name = ""
    callee: _Name = ""
    sampled: bool = True
    kept: _Name = ""
    link: _Name = ""
    tracestate: _Text = ""
    delivery: _Number = 1
    cause: Cause | None = None
    instance: _Name = ""
    subset: _Name = ""


def outcome(error: BaseException) -> Code:
    """Return the code under which an exception is told of; a caller that gave up counts as ``aborted``."""
    if isinstance(error, CallError):
        return error.code
    return Code.ABORTED if isinstance(error, asyncio.CancelledError) else Code.INTERNAL


Tell: TypeAlias = Callable[["Request", Code, float, float], None]
"""Takes a request that has ended: its outcome, when it began on the monotonic clock, how many seconds it took."""


class Recorder(Protocol):
    """Takes what happened; called on the hot path, so it only counts and stores."""

    copies_dropped: int

    @property
    def ids(self) -> SpanIds:
        """Where ids of spans and traces come from."""
        ...

    @property
    def sampling(self) -> Sampling:
        """How much is sampled now."""
        ...

    def tried(self, attempt: Tried) -> None:
        """Take an attempt of a sampled call."""
        ...

    def ledger(self, side: Side) -> Tell:
        """Return what takes the requests of one side."""
        ...


_Kept: TypeAlias = tuple[Edge, str, str, str | None, str | None, float, float, Code, int, int]


class _Ledger:
    """One side's edges, by operation and, where others call, by who calls; those beyond ``most`` are one."""

    __slots__ = ("_inbound", "_most", "_own", "_recorder", "_side", "edges")

    def __init__(self, recorder: MemoryRecorder, side: Side, own: str, most: int) -> None:
        self._recorder = recorder
        self._side = side
        self._inbound = side in {Side.CALLEE, Side.SUBSCRIBER}
        self._own = own
        self._most = most
        self.edges: dict[str | tuple[str, str], Edge] = {}

    def tell(self, request: Request, code: Code, began: float, duration: float) -> None:
        """Count a request that has ended, and keep its span if it is sampled, failed or slow."""
        operation = request.operation
        peer = request.peer
        key = operation if peer is None else (peer.service, operation)
        edge = self.edges.get(key)
        if edge is None:
            edge = self._new(key, request)
        (edge.ok if code is _OK else edge.failed(code)).add(duration)
        recorder = self._recorder
        context = request.traceparent
        if context is not None and (
            context[FLAGS] in SAMPLED_FLAGS or code is not _OK or duration > recorder.sampling.slow
        ):
            kept = recorder.kept
            if len(kept) >= recorder.most_spans:
                recorder.dropped += 1
                return
            kept.append(
                (
                    edge,
                    operation,
                    context,
                    request.parent,
                    request.tracestate,
                    began,
                    duration,
                    code,
                    request.attempt,
                    request.delivery,
                )
            )

    def _new(self, key: str | tuple[str, str], request: Request) -> Edge:
        if len(self.edges) >= self._most:
            known = self.edges.get(OTHER)
            if known is None:
                known = self.edges[OTHER] = Edge(self._side, *self._ends(OTHER, OTHER), OTHER)
            return known
        peer = OTHER if request.peer is None else request.peer.service
        self.edges[key] = made = Edge(self._side, *self._ends(peer, request.service), request.operation)
        return made

    def _ends(self, peer: str, called: str) -> tuple[str, str]:
        """Return caller and callee; what is published has no callee."""
        if self._inbound:
            return peer, self._own
        return self._own, called if self._side is Side.CALLER else ""


class MemoryRecorder:
    """Keeps what happened in this process: ``series`` edges a side, and ``spans`` spans until they are taken.

    ``dropped`` counts the spans for which there was no room, ``copies_dropped`` the copies of calls.
    """

    def __init__(
        self,
        service: str = "",
        *,
        series: int = 2000,
        spans: int = 16384,
        chance: Chance | None = None,
        policy: TelemetryPolicy | None = None,
    ) -> None:
        self._service = service
        self.ids = SpanIds(chance or clock.chance())
        self.sampling = Sampling(policy or TelemetryPolicy())
        self.most_spans = spans
        self.dropped = 0
        self.copies_dropped = 0
        self.kept: list[_Kept | Tried] = []
        self._ledgers = {side: _Ledger(self, side, service, series) for side in Side}

    def ledger(self, side: Side) -> Tell:
        """Return what takes the requests of one side."""
        return self._ledgers[side].tell

    def tried(self, attempt: Tried) -> None:
        """Keep an attempt of a sampled call beside the spans, in the order in which they end."""
        if len(self.kept) < self.most_spans:
            self.kept.append(attempt)
        else:
            self.dropped += 1

    def edges(self) -> Iterator[Edge]:
        """Yield every edge; may be asked from another thread."""
        for ledger in self._ledgers.values():
            yield from list(ledger.edges.values())

    def take(self, now: Clock, wall: Callable[[], int]) -> list[Span]:
        """Return the spans kept since the last time and keep them no more; wall clock in unix nanoseconds."""
        kept, self.kept = self.kept, []
        offset = wall() - round(now() * 1e9)
        return [
            _attempt(each, self._service, offset) if isinstance(each, Tried) else _span(each, offset) for each in kept
        ]

    def meter(self, side: Side, operation: str) -> Meter:
        """Return what happened to an operation, whoever called; an empty one when nothing did."""
        meter = Meter()
        for edge in list(self._ledgers[side].edges.values()):
            if edge.operation == operation:
                meter.add(edge)
        return meter


def _span(kept: _Kept, offset: int) -> Span:
    edge, operation, context, parent, state, began, duration, code, attempts, delivery = kept
    sampled = is_sampled(context)
    joined = parent is not None and trace_id(parent) == trace_id(context)
    return Span(
        trace_id(context),
        span_id(context),
        span_id(parent) if joined and parent is not None else "",
        edge.side,
        operation,
        round(began * 1e9) + offset,
        duration,
        code,
        attempts,
        edge.caller,
        edge.callee,
        sampled=sampled,
        kept="" if sampled else ("slow" if code is _OK else "error"),
        link=parent or "" if edge.side is Side.SUBSCRIBER else "",
        tracestate=(state or "")[:_LONGEST_STATE],
        delivery=delivery,
    )


def _attempt(tried: Tried, caller: str, offset: int) -> Span:
    return Span(
        trace_id(tried.own),
        span_id(tried.own),
        span_id(tried.call),
        Side.CALLER,
        tried.operation,
        round(tried.began * 1e9) + offset,
        tried.duration,
        tried.code,
        tried.number,
        caller,
        tried.operation.partition(".")[0],
        tracestate=(tried.tracestate or "")[:_LONGEST_STATE],
        cause=tried.cause,
        instance=tried.instance or "",
        subset=tried.subset or "",
    )
