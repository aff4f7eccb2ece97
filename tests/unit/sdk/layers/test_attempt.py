"""How long one attempt may take."""

from __future__ import annotations

from typing import Any

import pytest

from crossply.handler import Request
from crossply.layers.attempt import attempt
from crossply.testing import Script
from crossply_policy.documents import TimeoutPolicy
from tests.unit.sdk.stage import call, now, request


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
    assert await bounded(TimeoutPolicy(total=6.0)) == pytest.approx(2.0)


async def test_an_attempt_that_cannot_be_repeated_gets_all_the_time() -> None:
    assert await bounded(TimeoutPolicy(), idempotent=False) == pytest.approx(5.0)
    assert await bounded(TimeoutPolicy(), attempts=1) == pytest.approx(5.0)
