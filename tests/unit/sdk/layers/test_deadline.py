"""The deadline of a call: the earliest of the caller's, the served call's and the policy's."""

from __future__ import annotations

import math

import pytest

from crossply.context import AMBIENT, Current
from crossply.errors import DeadlineExceeded, Executed
from crossply.handler import FOREIGN, Request
from crossply.layers.deadline import deadline
from crossply.testing import Script
from tests.unit.sdk.stage import call, now, request


async def sent_with(made: Request, total: float = 5.0) -> float:
    """Return the deadline with which a request went on."""
    script = Script()
    await call(deadline(total, now), script, made)
    return script.seen[0].deadline


async def test_a_call_without_a_deadline_gets_the_policys() -> None:
    assert await sent_with(request()) == now() + 5.0


async def test_a_caller_may_ask_for_less() -> None:
    assert await sent_with(request(deadline=now() + 1.0)) == now() + 1.0


async def test_a_caller_may_not_ask_for_more() -> None:
    assert await sent_with(request(deadline=now() + 60.0)) == now() + 5.0


async def test_a_call_made_while_serving_another_inherits_what_is_left() -> None:
    token = AMBIENT.set(Current(request(deadline=now() + 2.0), FOREIGN))
    try:
        assert await sent_with(request()) == now() + 2.0
    finally:
        AMBIENT.reset(token)


async def test_an_event_being_handled_bounds_nothing() -> None:
    token = AMBIENT.set(Current(request(deadline=math.inf), FOREIGN))
    try:
        assert await sent_with(request()) == now() + 5.0
    finally:
        AMBIENT.reset(token)


@pytest.mark.parametrize("late", [0.0, 0.001, 100.0])
async def test_what_is_past_its_deadline_is_refused_before_it_is_sent(late: float) -> None:
    script = Script()
    with pytest.raises(DeadlineExceeded) as caught:
        await call(deadline(5.0, now), script, request(deadline=now() - late))
    assert caught.value.executed is Executed.NO
    assert not script.seen
