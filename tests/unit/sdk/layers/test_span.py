"""The spans of single attempts: below their call's, continued by the callee, and only where the call is sampled."""

from __future__ import annotations

import asyncio
import sys
from types import FrameType
from typing import Any

import pytest

from crossply.errors import CallError, CircuitOpen, Code, Unavailable
from crossply.handler import Handler, Request, Response, compose
from crossply.layers.hedge import hedge
from crossply.layers.measure import measure
from crossply.layers.retry import retry
from crossply.layers.span import span
from crossply.layers.trace import trace
from crossply.routing.budget import RetryBudget
from crossply.routing.latencies import Latencies
from crossply.telemetry.attempts import Cause
from crossply.telemetry.recorder import MemoryRecorder, Side, Span
from crossply.testing import Script, chance
from crossply_policy.documents import RetryPolicy, TelemetryPolicy
from crossply_policy.protection import HedgePolicy
from tests.unit.sdk.stage import Always, now, request

AFTER = 0.1


def recorder_of(sampling: float = 1.0, spans: int = 1000) -> MemoryRecorder:
    return MemoryRecorder("web", chance=chance(1), policy=TelemetryPolicy(sampling=sampling), spans=spans)


def stack(recorder: MemoryRecorder, inner: Handler, *, hedged: bool = False, attempts: int = 2) -> Handler:
    """Return what a call passes from its trace to its attempts."""
    spans = span(recorder, now), span(recorder, now, hedged=True)
    policy = RetryPolicy(attempts=attempts)
    budget, latencies, never = RetryBudget(policy.budget, now), Latencies(), Always(0.0)
    after = HedgePolicy(enabled=True, after=AFTER)
    again = (
        hedge(after, policy, budget, latencies, lambda _: True, now, never, spans=spans)
        if hedged
        else retry(policy, budget, lambda _: True, now, never, spans=spans[0])
    )
    return compose([trace(recorder, Side.CALLER), measure(recorder, Side.CALLER, now), again], inner)


class Instances:
    """A callee whose attempts, in their order, each go to an instance, take so long and end so."""

    def __init__(self, *attempts: tuple[float, Response | CallError]) -> None:
        self.attempts = list(attempts)
        self.sent: list[str | None] = []

    async def __call__(self, attempt: Request) -> Response:
        self.sent.append(attempt.traceparent)
        attempt.instance = f"i{len(self.sent)}"
        seconds, end = self.attempts[len(self.sent) - 1]
        await asyncio.sleep(seconds)
        if isinstance(end, CallError):
            raise end
        return end


def taken(recorder: MemoryRecorder) -> tuple[list[Span], list[Span]]:
    """Take the spans: those of calls, and those of attempts in the order in which they began."""
    spans = recorder.take(now, lambda: 0)
    attempts = sorted((each for each in spans if each.cause), key=lambda each: each.start)
    return [each for each in spans if not each.cause], attempts


async def test_each_attempt_is_a_child_of_its_call_with_where_it_went_and_how_it_ended() -> None:
    recorder = recorder_of()
    callee = Instances((0.1, Unavailable("draining")), (0.2, Unavailable("draining")), (0.3, Response()))
    await stack(recorder, callee)(request(subset="v2"))
    [call], attempts = taken(recorder)
    assert [(each.attempts, each.cause, each.instance, each.code) for each in attempts] == [
        (1, Cause.FIRST, "i1", Code.UNAVAILABLE),
        (2, Cause.RETRY, "i2", Code.UNAVAILABLE),
        (3, Cause.RETRY, "i3", Code.OK),
    ]
    assert [each.duration for each in attempts] == pytest.approx([0.1, 0.2, 0.3])
    assert {(each.trace_id, each.parent_id, each.subset) for each in attempts} == {(call.trace_id, call.span_id, "v2")}
    assert {(each.side, each.caller, each.callee, each.operation) for each in attempts} == {
        (Side.CALLER, "web", "orders", "orders.create")
    }
    assert (call.attempts, call.cause, call.instance, call.parent_id) == (3, None, "", "")


async def test_the_callee_continues_the_attempt_that_reached_it() -> None:
    recorder = recorder_of()
    callee = Instances((0.0, Unavailable("draining")), (0.0, Response()))
    await stack(recorder, callee)(request())
    _, attempts = taken(recorder)
    assert callee.sent == [f"00-{each.trace_id}-{each.span_id}-03" for each in attempts]
    assert len({each.span_id for each in attempts}) == 2


async def test_an_attempt_that_joins_a_slow_one_says_so_and_the_slow_one_was_given_up() -> None:
    recorder = recorder_of()
    await stack(recorder, Instances((5.0, Response()), (0.2, Response())), hedged=True)(request())
    [call], attempts = taken(recorder)
    assert [(each.attempts, each.cause, each.code) for each in attempts] == [
        (1, Cause.FIRST, Code.ABORTED),
        (2, Cause.HEDGE, Code.OK),
    ]
    assert [each.duration for each in attempts] == pytest.approx([AFTER + 0.2, 0.2])
    assert {each.parent_id for each in attempts} == {call.span_id}
    assert (call.attempts, call.code) == (2, Code.OK)


async def test_what_follows_a_failure_is_a_retry_where_calls_are_hedged_as_well() -> None:
    recorder = recorder_of()
    await stack(recorder, Instances((0.01, Unavailable("draining")), (0.0, Response())), hedged=True)(request())
    _, attempts = taken(recorder)
    assert [each.cause for each in attempts] == [Cause.FIRST, Cause.RETRY]
    # While another still runs, too.
    slow = Instances((5.0, Response()), (0.01, Unavailable("draining")), (0.0, Response()))
    await stack(recorder, slow, hedged=True)(request())
    _, attempts = taken(recorder)
    assert [each.cause for each in attempts] == [Cause.FIRST, Cause.HEDGE, Cause.RETRY]


async def test_an_attempt_that_was_refused_on_this_side_is_told_of_as_well() -> None:
    recorder = recorder_of()
    with pytest.raises(CircuitOpen):
        await stack(recorder, Script([CircuitOpen("open")]))(request())
    _, [attempt] = taken(recorder)
    assert (attempt.code, attempt.instance) == (Code.CIRCUIT_OPEN, "")


@pytest.mark.parametrize("hedged", [False, True])
async def test_attempts_of_a_call_that_is_not_sampled_leave_nothing_though_it_failed(hedged: bool) -> None:
    recorder, callee = recorder_of(0.0), Instances((0.0, Unavailable("no")), (0.0, Unavailable("no")))
    with pytest.raises(Unavailable):
        await stack(recorder, callee, hedged=hedged, attempts=1)(request())
    [call], attempts = taken(recorder)
    assert (call.kept, call.attempts, attempts) == ("error", 2, [])
    assert callee.sent == [f"00-{call.trace_id}-{call.span_id}-02"] * 2


async def test_a_call_that_is_given_up_with_its_attempts_keeps_its_own_span() -> None:
    recorder = recorder_of()
    calling = asyncio.ensure_future(
        stack(recorder, Instances((9.0, Response()), (9.0, Response())), hedged=True)(request())
    )
    await asyncio.sleep(1.0)
    calling.cancel()
    await asyncio.gather(calling, return_exceptions=True)
    [call], attempts = taken(recorder)
    assert [each.parent_id for each in attempts] == [call.span_id] * 2
    assert len({call.span_id, *(each.span_id for each in attempts)}) == 3


async def test_attempts_beyond_the_bound_are_dropped_and_counted() -> None:
    recorder = recorder_of(spans=4)
    for _ in range(2):
        await stack(recorder, Instances((0.0, Unavailable("draining")), (0.0, Response())))(request())
    calls, attempts = taken(recorder)
    assert (len(calls), len(attempts), recorder.dropped) == (1, 3, 2)


async def entered(handler: Handler) -> int:
    """Return how many Python functions a call enters."""
    count = 0

    def counting(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event == "call"

    made = request()
    sys.setprofile(counting)
    try:
        await handler(made)
    finally:
        sys.setprofile(None)
    return count


async def test_a_call_that_is_not_sampled_enters_no_function_for_its_attempts() -> None:
    budget = RetryBudget(RetryPolicy().budget, now)

    async def least(recorder: MemoryRecorder, **options: Any) -> int:
        layers = [trace(recorder, Side.CALLER), retry(RetryPolicy(), budget, lambda _: True, now, Always(), **options)]
        # Now and then one cuts new ids too.
        return min([await entered(compose(layers, Script())) for _ in range(3)])

    unsampled, sampled = recorder_of(0.0), recorder_of()
    without = await least(unsampled)
    assert await least(unsampled, spans=span(unsampled, now)) == without
    assert await least(sampled, spans=span(sampled, now)) > without
