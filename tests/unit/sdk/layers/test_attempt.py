"""How long one attempt may take."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossply.errors import DeadlineExceeded
from crossply.handler import Request, Response, compose
from crossply.layers.attempt import attempt
from crossply.layers.retry import retry
from crossply.routing.budget import RetryBudget
from crossply.testing import Script
from crossply_policy.documents import BudgetPolicy, RetryPolicy, TimeoutPolicy
from tests.unit.sdk.stage import Always, call, now, request


async def swallow(request: Request) -> Response:
    """Answer nothing, as the wire does for an instance or a broker that has stopped."""
    await asyncio.sleep(request.deadline - now())
    raise DeadlineExceeded("no reply")


def always(_request: Request) -> bool:
    return True


def budget() -> RetryBudget:
    return RetryBudget(BudgetPolicy(), now)


async def bounded(policy: TimeoutPolicy, *, attempts: int = 3, idempotent: bool = True, **fields: Any) -> float:
    """Return how many seconds an attempt got of a call that has 5."""
    script = Script()
    made: Request = request(deadline=now() + 5.0, **fields)
    await call(attempt(policy, attempts, lambda _request: idempotent, now), script, made)
    return script.seen[0].deadline - now()


async def test_an_attempt_gets_what_the_policy_says() -> None:
    assert await bounded(TimeoutPolicy(attempt=0.5)) == pytest.approx(0.5)


async def test_an_attempt_ends_with_its_call() -> None:
    assert await bounded(TimeoutPolicy(attempt=60.0)) == pytest.approx(5.0)


async def test_an_attempt_at_a_known_instance_gets_all_the_time_as_a_ping_finds_a_crash() -> None:
    assert await bounded(TimeoutPolicy(), instance="aaaaaaaaaaaa") == pytest.approx(5.0)


async def test_idempotent_attempts_in_the_queue_group_share_the_time() -> None:
    assert await bounded(TimeoutPolicy()) == pytest.approx(5.0 / 3)


async def test_each_attempt_in_the_queue_group_has_its_share_of_what_is_left_however_little_the_call_has() -> None:
    script = Script(then=swallow)
    layers = compose(
        [retry(RetryPolicy(), budget(), always, now, Always()), attempt(TimeoutPolicy(), 3, always, now)], script
    )
    began = now()
    with pytest.raises(DeadlineExceeded):
        await layers(request(deadline=began + 0.9))
    assert [seen.deadline - began for seen in script.seen] == pytest.approx([0.3, 0.6, 0.9])


async def test_an_idempotent_call_whose_first_attempt_is_swallowed_is_answered_within_its_deadline() -> None:
    script = Script([swallow, Response(b"done")])
    layers = compose(
        [retry(RetryPolicy(), budget(), always, now, Always()), attempt(TimeoutPolicy(), 3, always, now)], script
    )
    began = now()
    assert (await layers(request(deadline=began + 2.0))).body == b"done"
    assert now() - began < 1.0


async def test_an_attempt_that_cannot_be_repeated_gets_all_the_time() -> None:
    assert await bounded(TimeoutPolicy(), idempotent=False) == pytest.approx(5.0)
    assert await bounded(TimeoutPolicy(), attempts=1) == pytest.approx(5.0)
