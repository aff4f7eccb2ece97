"""Hedging: when a second attempt is sent, which answer counts, and what it may cost."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import (
    Absent,
    CallError,
    CircuitOpen,
    Code,
    Disconnected,
    EndpointFailed,
    Executed,
    InvalidArgument,
    Unavailable,
)
from crossply.handler import Layer, Request, Response, compose
from crossply.layers.breaker import breaker
from crossply.layers.hedge import hedge
from crossply.routing.breaker import Breaker
from crossply.routing.budget import RetryBudget
from crossply.routing.held import BySubset
from crossply.routing.latencies import Latencies
from crossply.testing import Script
from crossply_policy.documents import BudgetPolicy, RetryPolicy
from crossply_policy.protection import BreakerPolicy, HedgePolicy
from tests.unit.sdk.stage import Always, call, now, request

EMPTY = BudgetPolicy(ratio=0.0, floor=0.0)


class Stand:
    """A callee whose attempts, in their order, each take so long and end so."""

    def __init__(self, *attempts: tuple[float, Response | CallError]) -> None:
        self.attempts = list(attempts)
        self.seen: list[Request] = []
        self.at: list[float] = []
        self.began = now()
        self.cancelled = 0

    async def __call__(self, attempt: Request) -> Response:
        self.seen.append(attempt)
        self.at.append(now() - self.began)
        attempt.instance = f"i{len(self.seen)}"
        lasts, ends = self.attempts[len(self.seen) - 1]
        attempt.deadline -= 1.0
        try:
            await asyncio.sleep(lasts)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(ends, CallError):
            raise ends
        return ends


def hedging(
    after: float | None = 0.1,
    *,
    retry: RetryPolicy | None = None,
    off: bool = False,
    budget: BudgetPolicy | None = None,
    idempotent: bool = True,
    latencies: Latencies | None = None,
) -> Layer:
    policy = HedgePolicy(enabled=True, after="p95" if after is None else after)
    further = None if off else retry or RetryPolicy()
    kept = RetryBudget(budget or BudgetPolicy(), now)
    return hedge(policy, further, kept, latencies or Latencies(), lambda _: idempotent, now, Always(0.0))


async def test_a_quick_answer_needs_no_second_attempt() -> None:
    stand = Stand((0.05, Response(b"first")))
    assert (await call(hedging(), stand)).body == b"first"
    await asyncio.sleep(1.0)
    assert len(stand.seen) == 1


async def test_a_slow_attempt_is_joined_by_a_second_whose_answer_counts_if_it_is_first() -> None:
    stand = Stand((5.0, Response(b"first")), (0.05, Response(b"second")))
    assert (await call(hedging(), stand)).body == b"second"
    assert stand.at == pytest.approx([0.0, 0.1])
    assert now() == pytest.approx(stand.began + 0.15)
    assert stand.cancelled == 1


async def test_the_first_answer_counts_though_a_second_attempt_runs() -> None:
    stand = Stand((0.15, Response(b"first")), (5.0, Response(b"second")))
    assert (await call(hedging(), stand)).body == b"first"
    assert stand.cancelled == 1


async def test_the_second_attempt_goes_to_another_instance_with_the_calls_own_deadline() -> None:
    stand, deadline = Stand((5.0, Response()), (0.0, Response())), now() + 10.0
    await call(hedging(), stand, request(deadline=deadline))
    assert [each.tried for each in stand.seen] == [(), ("i1",)]
    assert [each.attempt for each in stand.seen] == [2, 2], "the span learns that there were two"
    assert [each.deadline for each in stand.seen] == [deadline - 1.0] * 2


async def test_a_call_that_is_not_idempotent_is_never_hedged_but_tried_again_where_that_is_safe() -> None:
    stand = Stand((5.0, Response(b"first")))
    assert (await call(hedging(idempotent=False), stand)).body == b"first"
    other = Script([Unavailable, Response(b"done")])
    assert (await call(hedging(idempotent=False), other)).body == b"done"


async def test_at_most_two_attempts_run_at_once() -> None:
    stand = Stand((5.0, Response(b"first")), (6.0, Response(b"second")), (0.0, Response(b"third")))
    assert (await call(hedging(), stand)).body == b"first"
    assert len(stand.seen) == 2


async def test_an_attempt_that_failed_is_followed_at_once() -> None:
    stand = Stand((0.01, Disconnected("gone")), (0.01, Response(b"second")))
    assert (await call(hedging(), stand)).body == b"second"
    assert stand.at == pytest.approx([0.0, 0.01])
    assert stand.seen[1].tried == ("i1",)


async def test_when_one_of_two_fails_the_other_still_counts() -> None:
    stand = Stand((0.5, Response(b"first")), (0.01, Unavailable("draining")))
    assert (await call(hedging(retry=RetryPolicy(attempts=1)), stand)).body == b"first"


async def test_there_are_no_more_attempts_than_a_retry_would_make() -> None:
    stand = Stand(*[(0.01, Unavailable("draining"))] * 9)
    with pytest.raises(Unavailable) as caught:
        await call(hedging(), stand)
    assert len(stand.seen) == 3
    assert caught.value.__notes__ == ["attempt 3 of at most 3, hedged"]


async def test_a_failure_that_would_come_again_ends_the_call_at_once() -> None:
    stand = Stand((5.0, Response()), (0.01, InvalidArgument("bad")))
    with pytest.raises(InvalidArgument):
        await call(hedging(), stand)
    assert stand.cancelled == 1


async def test_where_nothing_is_tried_again_one_hedge_is_sent_and_no_failure_is_followed() -> None:
    stand = Stand((5.0, Response()), (0.01, Response(b"second")))
    assert (await call(hedging(off=True), stand)).body == b"second"
    failing = Stand((0.01, Unavailable("draining")), (0.0, Response()))
    with pytest.raises(Unavailable):
        await call(hedging(off=True), failing)
    assert len(failing.seen) == 1


async def test_hedges_come_out_of_the_retry_budget() -> None:
    stand = Stand((1.0, Response(b"first")), (0.0, Response(b"second")))
    assert (await call(hedging(budget=EMPTY), stand)).body == b"first"
    assert len(stand.seen) == 1
    failing = Stand((0.01, Unavailable("draining")), (0.0, Response()))
    with pytest.raises(Unavailable):
        await call(hedging(budget=EMPTY), failing)


async def test_nothing_follows_that_would_begin_after_the_deadline() -> None:
    stand = Stand((0.01, Unavailable("draining", retry_after=5.0)), (0.0, Response()))
    with pytest.raises(Unavailable):
        await call(hedging(after=10.0), stand, request(deadline=now() + 3.0))
    assert now() == pytest.approx(stand.began + 0.01)


async def test_a_call_may_have_run_when_one_of_its_attempts_may_have() -> None:
    stand = Stand((0.01, Disconnected("gone")), (0.01, Unavailable("draining")), (0.01, Unavailable("draining")))
    with pytest.raises(Unavailable) as caught:
        await call(hedging(), stand)
    assert caught.value.executed is Executed.MAYBE


async def test_a_cancelled_call_leaves_no_attempt_behind() -> None:
    stand = Stand((60.0, Response()), (60.0, Response()))
    running = asyncio.ensure_future(call(hedging(), stand))
    await asyncio.sleep(1.0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert stand.cancelled == 2


async def test_two_that_fail_in_the_same_moment_are_both_taken_in() -> None:
    stand = Stand((0.2, Unavailable("draining")), (0.1, Unavailable("draining")), (0.0, Response(b"third")))
    assert (await call(hedging(), stand)).body == b"third"


async def test_by_percentile_nothing_is_hedged_until_it_is_known_what_attempts_take() -> None:
    latencies = Latencies()
    layer = hedging(None, latencies=latencies)
    for _ in range(20):
        quick = Stand((0.1, Response()))
        await call(layer, quick)
        assert len(quick.seen) == 1
    assert latencies.p95 == pytest.approx(0.1, rel=0.15)
    stand = Stand((5.0, Response(b"first")), (0.05, Response(b"second")))
    assert (await call(layer, stand)).body == b"second"
    assert stand.at[1] == pytest.approx(latencies.p95 or 0.0, rel=0.01)


async def test_an_attempt_that_was_given_up_counts_as_slow() -> None:
    latencies = Latencies()
    for _ in range(20):
        latencies.add(0.01)
    layer = hedging(None, latencies=latencies)
    for _ in range(100):
        await call(layer, Stand((5.0, Response()), (1.0, Response())))
    assert latencies.p95 is not None
    assert latencies.p95 > 0.5


async def test_what_an_endpoint_raises_on_purpose_ends_the_call() -> None:
    stand = Stand((0.01, EndpointFailed("no credit", code=Code.ABORTED)))
    with pytest.raises(EndpointFailed):
        await call(hedging(), stand)


@pytest.mark.parametrize("refused", [CircuitOpen("open"), Absent("nobody")], ids=lambda each: type(each).__name__)
async def test_a_hedge_that_was_refused_leaves_the_call_to_the_attempt_that_runs(refused: CallError) -> None:
    stand = Stand((1.0, Response(b"first")), (0.0, refused))
    assert (await call(hedging(), stand)).body == b"first"
    failing = Stand((0.0, refused), (0.0, Response()))
    with pytest.raises(type(refused)):
        await call(hedging(), failing)


async def test_a_half_open_breaker_closes_by_a_slow_attempt_though_its_hedge_is_refused() -> None:
    breakers = BySubset(lambda _: Breaker(BreakerPolicy(enabled=True), now, lambda _breaker: None))
    state = breakers.of(None)
    for _ in range(20):
        state.failed(state.enter())
    await asyncio.sleep(BreakerPolicy().pause)
    for _ in range(4):
        handler = compose([hedging(), breaker(breakers)], Script([1.0, Response(b"done")]))
        assert (await handler(request())).body == b"done"
    assert state.closed


async def test_a_call_may_have_run_when_it_fails_while_another_attempt_runs() -> None:
    stand = Stand((5.0, Response()), (0.01, InvalidArgument("bad")))
    with pytest.raises(InvalidArgument) as caught:
        await call(hedging(), stand)
    assert caught.value.executed is Executed.MAYBE
