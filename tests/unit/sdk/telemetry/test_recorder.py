"""What is kept of requests: durations by edge and outcome, spans; both bounded."""

from __future__ import annotations

from typing import Any

from crossply.errors import Code
from crossply.handler import Peer, Request
from crossply.telemetry.edge import Edge
from crossply.telemetry.recorder import MemoryRecorder, Side
from tests.unit.sdk.stage import request

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def told(recorder: MemoryRecorder, side: Side, made: Request, code: Code = Code.OK, seconds: float = 0.1) -> None:
    recorder.ledger(side)(made, code, 1.0, seconds)


def called_by(service: str, **fields: Any) -> Request:
    return request(peer=Peer(service), **fields)


def edges(recorder: MemoryRecorder) -> dict[tuple[str, str, str, str], Edge]:
    return {(str(each.side), each.caller, each.callee, each.operation): each for each in recorder.edges()}


def test_an_edge_is_a_caller_a_callee_and_an_operation() -> None:
    recorder = MemoryRecorder("orders")
    told(recorder, Side.CALLER, request("billing.charge"))
    told(recorder, Side.CALLEE, called_by("web"))
    told(recorder, Side.CALLEE, called_by("admin"))
    told(recorder, Side.PUBLISHER, request("orders.created"))
    told(recorder, Side.SUBSCRIBER, called_by("web", operation="web.visited"))
    assert set(edges(recorder)) == {
        ("caller", "orders", "billing", "billing.charge"),
        ("callee", "web", "orders", "orders.create"),
        ("callee", "admin", "orders", "orders.create"),
        ("publisher", "orders", "", "orders.created"),
        ("subscriber", "web", "orders", "web.visited"),
    }


def test_outcomes_are_counted_and_timed_apart() -> None:
    recorder = MemoryRecorder("orders")
    for code, seconds in ((Code.OK, 0.1), (Code.OK, 0.2), (Code.ABORTED, 2.0)):
        told(recorder, Side.CALLEE, called_by("web"), code, seconds)
    [edge] = recorder.edges()
    found = {code: (durations.count, durations.seconds) for code, durations in edge.outcomes()}
    assert found[Code.ABORTED] == (1, 2.0)
    assert found[Code.OK][0] == 2


def test_operations_beyond_the_bound_are_counted_together() -> None:
    recorder = MemoryRecorder("orders", series=3)
    for number in range(100):
        told(recorder, Side.CALLER, request(f"billing.charge-{number}"))
        told(recorder, Side.CALLEE, called_by(f"web-{number}"))
    found = edges(recorder)
    assert len(found) == 8
    assert found["caller", "orders", "_other", "_other"].ok.count == 97
    assert found["callee", "_other", "orders", "_other"].ok.count == 97
    assert found["caller", "orders", "billing", "billing.charge-2"].ok.count == 1


def test_spans_beyond_the_bound_are_dropped_and_counted_until_they_are_taken() -> None:
    recorder = MemoryRecorder(spans=2)
    for _ in range(5):
        told(recorder, Side.CALLER, request(traceparent=SAMPLED))
    assert recorder.dropped == 3
    assert len(recorder.take(lambda: 0.0, lambda: 0)) == 2
    assert recorder.take(lambda: 0.0, lambda: 0) == []
    told(recorder, Side.CALLER, request(traceparent=SAMPLED))
    assert len(recorder.take(lambda: 0.0, lambda: 0)) == 1


def test_a_meter_is_of_all_callers() -> None:
    recorder = MemoryRecorder("orders")
    told(recorder, Side.CALLEE, called_by("web"))
    told(recorder, Side.CALLEE, called_by("admin"), Code.INTERNAL, 0.5)
    meter = recorder.meter(Side.CALLEE, "orders.create")
    assert (meter.count, meter.failed, meter.last_failure) == (2, 1, "internal")
    assert meter.codes == {Code.OK: 1, Code.INTERNAL: 1}


def test_a_request_outside_any_trace_leaves_no_span() -> None:
    recorder = MemoryRecorder()
    told(recorder, Side.CALLER, request(), Code.INTERNAL)
    assert recorder.take(lambda: 0.0, lambda: 0) == []
