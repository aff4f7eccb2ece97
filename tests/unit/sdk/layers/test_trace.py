"""Spans, and the trace context that travels."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossply.context import AMBIENT, Current
from crossply.errors import Code, EndpointFailed, NotFound
from crossply.handler import FOREIGN, Handler, Layer, Response, compose
from crossply.layers.measure import measure
from crossply.layers.trace import FRESH, trace
from crossply.telemetry.recorder import MemoryRecorder, Side, Span
from crossply.telemetry.traceparent import well_formed
from crossply.testing import Script, chance
from crossply_policy.documents import TelemetryPolicy
from tests.unit.sdk.stage import call, now, request

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def everything(**policy: float) -> MemoryRecorder:
    """Return a recorder that samples every trace, unless the policy says otherwise."""
    return MemoryRecorder(chance=chance(1), policy=TelemetryPolicy(**{"sampling": 1.0, **policy}))  # type: ignore[arg-type]  # floats only


def tracing(recorder: MemoryRecorder, side: Side = Side.CALLER) -> Layer:
    """Return the two layers that make a span, as one."""

    def wrap(inner: Handler) -> Handler:
        return compose([trace(recorder, side), measure(recorder, side, now)], inner)

    return Layer("tracing", wrap)


def spans(recorder: MemoryRecorder) -> list[Span]:
    """Take the spans, on a wall clock that began 5 us before the loop's."""
    return recorder.take(lambda: 0.0, lambda: 5_000)


async def test_a_call_begins_a_trace() -> None:
    recorder, script = everything(), Script([0.25, Response()])
    began = now()
    await call(tracing(recorder), script)
    [span] = spans(recorder)
    assert script.seen[0].traceparent == f"00-{span.trace_id}-{span.span_id}-03"
    assert span.parent_id == ""
    assert (span.operation, span.side, span.code) == ("orders.create", Side.CALLER, Code.OK)
    assert span.start == round(began * 1e9) + 5_000
    assert span.duration == pytest.approx(0.25)


async def test_a_served_request_continues_its_callers_trace_under_a_span_of_its_own() -> None:
    recorder, script = everything(), Script()
    await call(tracing(recorder, Side.CALLEE), script, request(traceparent=PARENT, tracestate="vendor=1"))
    [span] = spans(recorder)
    assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
    assert span.span_id != SPAN
    assert script.seen[0].traceparent == f"00-{TRACE}-{span.span_id}-01"
    assert script.seen[0].tracestate == "vendor=1"


async def test_a_call_made_while_serving_continues_that_trace() -> None:
    recorder, script = everything(), Script()
    token = AMBIENT.set(Current(request(traceparent=PARENT, tracestate="vendor=1"), FOREIGN))
    try:
        await call(tracing(recorder), script)
    finally:
        AMBIENT.reset(token)
    [span] = spans(recorder)
    assert (span.trace_id, span.parent_id) == (TRACE, SPAN)
    assert script.seen[0].tracestate == "vendor=1"


async def test_what_is_served_belongs_to_its_caller_and_not_to_what_happens_to_be_around() -> None:
    recorder = everything()
    token = AMBIENT.set(Current(request(traceparent=PARENT), FOREIGN))
    try:
        await call(tracing(recorder, Side.CALLEE), Script())
    finally:
        AMBIENT.reset(token)
    assert spans(recorder)[0].trace_id != TRACE


async def test_a_trace_that_is_not_sampled_travels_on_and_leaves_no_span() -> None:
    recorder, script = everything(), Script()
    await call(tracing(recorder), script, request(traceparent=f"00-{TRACE}-{SPAN}-00"))
    assert not spans(recorder)
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
    assert well_formed(text) is None
    recorder = everything()
    script = Script()
    await call(tracing(recorder, Side.CALLEE), script, request(traceparent=text, tracestate="vendor=1"))
    [span] = spans(recorder)
    assert span.trace_id != TRACE
    assert span.parent_id == ""
    assert script.seen[0].tracestate is None


def test_a_later_version_of_traceparent_is_read_as_far_as_it_is_known() -> None:
    assert well_formed(f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like") == PARENT
    assert well_formed(f"cc-{TRACE}-{SPAN}-01") == PARENT


async def test_an_error_learns_its_trace_id() -> None:
    recorder = everything()
    with pytest.raises(NotFound) as caught:
        await call(tracing(recorder), Script([NotFound("nobody")]))
    [span] = spans(recorder)
    assert caught.value.trace_id == span.trace_id
    assert span.code is Code.NOT_FOUND


async def test_a_failure_that_is_a_reply_is_the_outcome_of_its_span() -> None:
    recorder = everything()
    failure = Response(failure=EndpointFailed("", code=Code.ABORTED))
    await call(tracing(recorder, Side.CALLEE), Script([failure]))
    assert spans(recorder)[0].code is Code.ABORTED


async def test_a_span_tells_how_many_attempts_there_were() -> None:
    recorder = everything()
    await call(tracing(recorder), Script(), request(attempt=3))
    assert spans(recorder)[0].attempts == 3


@pytest.mark.parametrize("error", [asyncio.CancelledError(), ValueError("unexpected")])
async def test_what_ends_otherwise_is_not_called_a_success(error: BaseException) -> None:
    recorder = everything()
    with pytest.raises(type(error)):
        await call(tracing(recorder), Script([error]))
    assert spans(recorder)[0].code is not Code.OK


async def test_a_failed_or_slow_span_is_kept_although_its_trace_is_not_sampled() -> None:
    recorder = everything(sampling=0.0, slow=0.5)
    await call(tracing(recorder), Script([0.4, Response()]))
    assert not spans(recorder)
    await call(tracing(recorder), Script([0.6, Response()]))
    with pytest.raises(NotFound):
        await call(tracing(recorder), Script([NotFound("nobody")]))
    slow, failed = spans(recorder)
    assert (slow.kept, slow.sampled, slow.code) == ("slow", False, Code.OK)
    assert (failed.kept, failed.sampled, failed.code) == ("error", False, Code.NOT_FOUND)


async def test_about_the_share_that_the_policy_says_is_sampled_and_it_travels_in_the_flags() -> None:
    recorder, script = everything(sampling=0.25), Script([Response()] * 4000)
    for _ in range(4000):
        await call(tracing(recorder), script)
    kept = spans(recorder)
    assert 900 < len(kept) < 1100
    sent = [each.traceparent or "" for each in script.seen]
    assert sum(each.endswith("-03") for each in sent) == len(kept)
    assert all(each.endswith(("-02", "-03")) for each in sent)


async def test_who_samples_more_samples_all_that_others_do() -> None:
    few, many = everything(sampling=0.1), everything(sampling=0.3)
    for recorder in (few, many):
        for _ in range(500):
            await call(tracing(recorder), Script())
    assert {each.trace_id for each in spans(few)} < {each.trace_id for each in spans(many)}


async def test_a_policy_that_changes_is_followed_from_the_next_trace_on() -> None:
    recorder = everything(sampling=0.0)
    layer = tracing(recorder)
    await call(layer, Script())
    recorder.sampling.adopt(TelemetryPolicy(sampling=1.0))
    await call(layer, Script())
    assert len(spans(recorder)) == 1


async def test_a_fresh_event_is_part_of_what_its_publisher_did_and_linked_to_it() -> None:
    recorder = everything()
    await call(tracing(recorder, Side.SUBSCRIBER), Script(), request(traceparent=PARENT, age=FRESH))
    [span] = spans(recorder)
    assert (span.trace_id, span.parent_id, span.link) == (TRACE, SPAN, PARENT)


@pytest.mark.parametrize("late", [{"delivery": 2}, {"age": FRESH + 1}], ids=["again", "late"])
async def test_an_event_that_comes_again_or_late_begins_a_trace_that_is_linked_to_it(late: dict[str, Any]) -> None:
    recorder, script = everything(), Script()
    await call(tracing(recorder, Side.SUBSCRIBER), script, request(traceparent=PARENT, **late))
    [span] = spans(recorder)
    assert span.trace_id != TRACE
    assert (span.parent_id, span.link, span.sampled) == ("", PARENT, True)
    assert script.seen[0].traceparent == f"00-{span.trace_id}-{span.span_id}-01"


async def test_no_id_is_given_twice() -> None:
    recorder = everything()
    for _ in range(1000):
        await call(tracing(recorder), Script())
    kept = spans(recorder)
    assert len({each.trace_id for each in kept} | {each.span_id for each in kept}) == 2000
