"""Trying again: when it is safe, in time, within the budget, and not otherwise."""

from __future__ import annotations

from itertools import pairwise

import pytest

from crossply.errors import (
    CallError,
    Code,
    DeadlineExceeded,
    Disconnected,
    EndpointFailed,
    Executed,
    IntegrityFailed,
    InvalidArgument,
    NotFound,
    Overloaded,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from crossply.handler import Layer, Request, Response
from crossply.layers.retry import retry
from crossply.routing.budget import RetryBudget
from crossply.testing import Script
from crossply_policy.documents import BudgetPolicy, RetryPolicy
from tests.unit.sdk.stage import Always, call, now, request

NO_JITTER = Always(0.0)


def retrying(
    policy: RetryPolicy | None = None,
    *,
    idempotent: bool = False,
    chance: Always = NO_JITTER,
    budget: RetryBudget | None = None,
) -> Layer:
    policy = policy or RetryPolicy()
    return retry(policy, budget or RetryBudget(policy.budget, now), lambda _request: idempotent, now, chance)


async def test_a_call_that_works_is_sent_once() -> None:
    script = Script([Response(b"done")])
    assert (await call(retrying(), script)).body == b"done"
    assert len(script.seen) == 1


async def test_a_request_nobody_ran_is_sent_again() -> None:
    script = Script([Unavailable, Unavailable, Response(b"done")])
    assert (await call(retrying(), script)).body == b"done"
    assert [seen.attempt for seen in script.seen] == [1, 2, 3]


async def test_the_attempts_of_a_call_share_its_id_and_its_body() -> None:
    script = Script([Unavailable, Response()])
    await call(retrying(), script, request(body=b"payload"))
    assert {(seen.id, seen.body) for seen in script.seen} == {(bytes(range(16)), b"payload")}


async def test_attempts_end_with_the_policys_number() -> None:
    script = Script(then=Unavailable("nobody"))
    with pytest.raises(Unavailable):
        await call(retrying(RetryPolicy(attempts=4)), script)
    assert len(script.seen) == 5


async def test_the_last_error_tells_how_many_attempts_there_were() -> None:
    with pytest.raises(Unavailable) as caught:
        await call(retrying(), Script(then=Unavailable("nobody")))
    assert caught.value.__notes__ == ["attempt 3 of at most 3, sent to the queue group"]


REFUSED = [
    (Unavailable, True),
    (Overloaded, True),
    (RateLimited, True),
    (NotFound, False),
    (InvalidArgument, False),
    (PermissionDenied, False),
]


@pytest.mark.parametrize(("error", "again"), REFUSED)
@pytest.mark.parametrize("idempotent", [False, True])
async def test_what_did_not_run_is_sent_again_if_the_cause_may_pass(
    error: type[CallError], again: bool, idempotent: bool
) -> None:
    script = Script([error], then=Response())
    if again:
        await call(retrying(idempotent=idempotent), script)
    else:
        with pytest.raises(error):
            await call(retrying(idempotent=idempotent), script)
    assert len(script.seen) == 1 + again


PERHAPS_RUN = [
    (DeadlineExceeded("late"), True),
    (Disconnected("gone"), True),
    (IntegrityFailed("wrong"), False),
    (EndpointFailed("", code=Code.INTERNAL), True),
    (EndpointFailed("no credit", code=Code.ABORTED), False),
    (EndpointFailed("there", code=Code.ALREADY_EXISTS), False),
]


@pytest.mark.parametrize("error", [error for error, _ in PERHAPS_RUN], ids=lambda error: str(error.code))
async def test_a_request_that_may_have_run_is_not_sent_again_unless_idempotent(error: CallError) -> None:
    script = Script([error], then=Response())
    with pytest.raises(type(error)):
        await call(retrying(), script)
    assert len(script.seen) == 1


@pytest.mark.parametrize(("error", "again"), PERHAPS_RUN, ids=lambda each: str(getattr(each, "code", each)))
async def test_an_idempotent_request_is_sent_again_where_the_policy_names_the_code(
    error: CallError, again: bool
) -> None:
    script = Script([error], then=Response())
    if again:
        await call(retrying(idempotent=True), script)
    else:
        with pytest.raises(type(error)):
            await call(retrying(idempotent=True), script)
    assert len(script.seen) == 1 + again


async def test_a_policy_may_name_other_codes() -> None:
    policy = RetryPolicy(on=frozenset({"aborted"}))
    script = Script([EndpointFailed("", code=Code.ABORTED)], then=Response())
    await call(retrying(policy, idempotent=True), script)
    assert len(script.seen) == 2
    script = Script([EndpointFailed("", code=Code.INTERNAL)], then=Response())
    with pytest.raises(EndpointFailed):
        await call(retrying(policy, idempotent=True), script)


async def test_a_deadline_that_passed_before_sending_is_not_tried_again() -> None:
    script = Script([DeadlineExceeded("late", executed=Executed.NO)], then=Response())
    with pytest.raises(DeadlineExceeded):
        await call(retrying(), script)
    assert len(script.seen) == 1


async def test_no_attempt_is_made_that_would_begin_at_the_deadline() -> None:
    began = now()
    script = Script(then=Unavailable("nobody"))
    policy = RetryPolicy(attempts=50, base=1.0)
    with pytest.raises(Unavailable):
        await call(retrying(policy, chance=Always(1.0)), script, request(deadline=began + 5.0))
    # Pauses of 1 and 2 s fit, one of 4 s does not; and it is not waited for.
    assert len(script.seen) == 3
    assert now() == pytest.approx(began + 3.0)


async def test_pauses_double_and_have_full_jitter() -> None:
    times: list[float] = []

    async def noting(_request: Request) -> Response:
        times.append(now())
        raise Unavailable("nobody")

    with pytest.raises(Unavailable):
        await call(retrying(RetryPolicy(attempts=3, base=0.1), chance=Always(0.5)), noting)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == pytest.approx([0.05, 0.1, 0.2])


async def test_every_attempt_begins_with_the_calls_own_deadline() -> None:
    async def shortening(attempt: Request) -> Response:
        seen.append(attempt.deadline)
        attempt.deadline = 0.0
        raise Unavailable("nobody")

    seen: list[float] = []
    deadline = now() + 100.0
    with pytest.raises(Unavailable):
        await call(retrying(), shortening, request(deadline=deadline))
    assert seen == [deadline] * 3


async def test_an_instance_that_was_tried_is_remembered() -> None:
    async def choosing(attempt: Request) -> Response:
        tried.append(attempt.tried)
        attempt.instance = f"i{attempt.attempt}"
        raise Unavailable("draining")

    tried: list[tuple[str, ...]] = []
    with pytest.raises(Unavailable):
        await call(retrying(), choosing)
    assert tried == [(), ("i1",), ("i1", "i2")]


async def test_a_caller_that_names_an_instance_gets_that_one_in_every_attempt() -> None:
    script = Script([Unavailable], then=Response())
    await call(retrying(), script, request(instance="chosen"))
    assert [seen.instance for seen in script.seen] == ["chosen", "chosen"]


async def test_the_budget_ends_attempts() -> None:
    policy = RetryPolicy(attempts=10, budget=BudgetPolicy(ratio=0.0, floor=0.2, window=10.0))
    script = Script(then=Unavailable("nobody"))
    with pytest.raises(Unavailable):
        await call(retrying(policy), script)
    assert len(script.seen) == 3


async def test_the_span_learns_how_many_attempts_there_were() -> None:
    made = request()
    await call(retrying(), Script([Unavailable], then=Response()), made)
    assert made.attempt == 2


async def test_a_refusal_that_says_when_to_come_back_is_not_asked_before() -> None:
    began = now()
    script = Script([Overloaded("full", retry_after=0.5)], then=Response())
    await call(retrying(), script)
    assert len(script.seen) == 2
    assert now() >= began + 0.5


async def test_a_cancelled_call_is_not_sent_again() -> None:
    import asyncio

    script = Script([asyncio.CancelledError()], then=Response())
    with pytest.raises(asyncio.CancelledError):
        await call(retrying(idempotent=True), script)
    assert len(script.seen) == 1


async def test_a_call_may_have_run_when_one_of_its_attempts_may_have() -> None:
    script = Script([Disconnected("gone"), Unavailable("nobody"), Unavailable("nobody")])
    with pytest.raises(Unavailable) as caught:
        await call(retrying(idempotent=True), script)
    assert caught.value.executed is Executed.MAYBE
    with pytest.raises(Unavailable) as refused:
        await call(retrying(idempotent=True), Script(then=Unavailable("nobody")))
    assert refused.value.executed is Executed.NO


async def test_those_who_were_told_the_same_time_do_not_all_come_back_at_once() -> None:
    back: list[float] = []
    for chance in (0.0, 0.5, 0.9):
        began = now()
        await call(retrying(chance=Always(chance)), Script([Overloaded("full", retry_after=0.5)], then=Response()))
        back.append(now() - began)
    assert back == pytest.approx([0.5, 0.5125, 0.5225])
