"""Spans, and the trace context that travels."""

from __future__ import annotations

import asyncio

import pytest

from crossply.context import AMBIENT, Current
from crossply.errors import Code, EndpointFailed, NotFound
from crossply.handler import FOREIGN, Layer, Response
from crossply.layers.trace import parsed, trace
from crossply.telemetry.recorder import MemoryRecorder, Side
from crossply.testing import Script, chance
from tests.unit.sdk.stage import call, now, request

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def tracing(recorder: MemoryRecorder, side: Side = Side.CALLER) -> Layer:
    return trace(recorder, side, now, lambda: 5_000, chance(1))


async def test_a_call_begins_a_trace() -> None:
    recorder, script = MemoryRecorder(), Script([0.25, Response()])
    await call(tracing(recorder), script)
    [span] = recorder.spans
    assert script.seen[0].traceparent == f"00-{span.trace_id}-{span.span_id}-01"
    assert span.parent_id == ""
    assert (span.operation, span.side, span.code, span.start) == ("orders.create", Side.CALLER, Code.OK, 5_000)
    assert span.duration == pytest.approx(0.25)


async def test_a_served_request_continues_its_callers_trace_under_a_span_of_its_own() -> None:
    recorder, script = MemoryRecorder(), Script()
    await call(tracing(recorder, Side.CALLEE), script, request(traceparent=PARENT, tracestate="vendor=1"))
    [span] = recorder.spans
    assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
    assert span.span_id != SPAN
    assert script.seen[0].traceparent == f"00-{TRACE}-{span.span_id}-01"
    assert script.seen[0].tracestate == "vendor=1"


async def test_a_call_made_while_serving_continues_that_trace() -> None:
    recorder, script = MemoryRecorder(), Script()
    token = AMBIENT.set(Current(request(traceparent=PARENT, tracestate="vendor=1"), FOREIGN))
    try:
        await call(tracing(recorder), script)
    finally:
        AMBIENT.reset(token)
    [span] = recorder.spans
    assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
    assert script.seen[0].tracestate == "vendor=1"


async def test_what_is_served_belongs_to_its_caller_and_not_to_what_happens_to_be_around() -> None:
    recorder = MemoryRecorder()
    token = AMBIENT.set(Current(request(traceparent=PARENT), FOREIGN))
    try:
        await call(tracing(recorder, Side.CALLEE), Script())
    finally:
        AMBIENT.reset(token)
    assert recorder.spans[0].trace_id != TRACE


async def test_a_trace_that_is_not_sampled_travels_on_and_leaves_no_span() -> None:
    recorder, script = MemoryRecorder(), Script()
    await call(tracing(recorder), script, request(traceparent=f"00-{TRACE}-{SPAN}-00"))
    assert not recorder.spans
    sent = script.seen[0].traceparent
    assert sent is not None
    assert sent.startswith(f"00-{TRACE}-")
    assert sent.endswith("-00")
    assert SPAN not in sent


MALFORMED = [
    "",
    "00",
    "garbage",
    f"00-{TRACE}-{SPAN}",
    f"ff-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE[:-1]}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}0-01",
    f"00-{'g' * 32}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-xx",
    f"00-{TRACE}-{SPAN}-",
    f"0-{TRACE}-{SPAN}-01",
    f"00-0x{TRACE[2:]}-{SPAN}-01",
    f"00-{TRACE}-+{SPAN[1:]}-01",
    f"00-{TRACE[:15]}_{TRACE[16:]}-{SPAN}-01",
    f"00-{TRACE}-{SPAN[:8]} {SPAN[9:]}-01",
    f"00-{TRACE}-{SPAN}-1",
    f"00-{TRACE.upper()}-{SPAN}-01",
    f"00-{TRACE}-{SPAN}-01-more",
    f"00-{TRACE}-{SPAN}-011",
    f"00-{TRACE[:-1]}\u0661-{SPAN}-01",
]


@pytest.mark.parametrize("text", MALFORMED)
async def test_a_malformed_traceparent_begins_a_new_trace(text: str) -> None:
    assert parsed(text) is None
    recorder = MemoryRecorder()
    script = Script()
    await call(tracing(recorder, Side.CALLEE), script, request(traceparent=text, tracestate="vendor=1"))
    [span] = recorder.spans
    assert span.trace_id != TRACE
    assert span.parent_id == ""
    assert script.seen[0].tracestate is None


def test_a_later_version_of_traceparent_is_read_as_far_as_it_is_known() -> None:
    assert parsed(f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like") == (TRACE, SPAN, "01")
    assert parsed(f"cc-{TRACE}-{SPAN}-01") == (TRACE, SPAN, "01")


async def test_an_error_learns_its_trace_id() -> None:
    recorder = MemoryRecorder()
    with pytest.raises(NotFound) as caught:
        await call(tracing(recorder), Script([NotFound("nobody")]))
    [span] = recorder.spans
    assert caught.value.trace_id == span.trace_id
    assert span.code is Code.NOT_FOUND


async def test_a_failure_that_is_a_reply_is_the_outcome_of_its_span() -> None:
    recorder = MemoryRecorder()
    failure = Response(failure=EndpointFailed("", code=Code.ABORTED))
    await call(tracing(recorder, Side.CALLEE), Script([failure]))
    assert recorder.spans[0].code is Code.ABORTED


async def test_a_span_tells_how_many_attempts_there_were() -> None:
    recorder = MemoryRecorder()
    await call(tracing(recorder), Script(), request(attempt=3))
    assert recorder.spans[0].attempts == 3


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ValueError("unexpected")])
async def test_what_ends_otherwise_is_not_called_a_success(error: BaseException) -> None:
    recorder = MemoryRecorder()
    with pytest.raises(type(error)):
        await call(tracing(recorder), Script([error]))
    assert recorder.spans[0].code is not Code.OK
