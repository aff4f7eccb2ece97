"""Reports as instances make them."""

from __future__ import annotations

from crossply.errors import Code
from crossply.handler import Peer
from crossply.telemetry.histogram import Histogram
from crossply.telemetry.recorder import Side, Span
from crossply.telemetry.report import Counted, Report, encode
from tests.unit.registry.fakes import FakeLink

TRACE = "0af7651916cd43dd8448eb211c80319c"


def counted(
    side: Side = Side.CALLER,
    caller: str = "web",
    callee: str = "orders",
    operation: str = "orders.create",
    code: Code = Code.OK,
    *seconds: float,
) -> Counted:
    """Return what a report says of some durations."""
    durations = Histogram()
    for each in seconds or (0.25,):
        durations.add(each)
    buckets = {at: count for at, count in enumerate(durations.buckets) if count}
    return Counted(side, caller, callee, operation, code, durations.seconds, buckets)


def span(span_id: str = "b7ad6b7169203331", parent_id: str = "", trace_id: str = TRACE, start: int = 1_000) -> Span:
    """Return a span of a call."""
    return Span(trace_id, span_id, parent_id, Side.CALLER, "orders.create", start, 0.25, Code.OK)


def hear(link: FakeLink, *said: Counted | Span, service: str = "web") -> None:
    """Let an instance report."""
    edges = [each for each in said if isinstance(each, Counted)]
    spans = [each for each in said if isinstance(each, Span)]
    raw = encode(Report(edges, spans))
    for handler in link.report_handlers:
        handler(Peer(service, "aaaaaaaaaaaa"), raw)
