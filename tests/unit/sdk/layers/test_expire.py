"""Dropping what nobody waits for any more."""

from __future__ import annotations

import pytest

from crossply.errors import DeadlineExceeded, Executed
from crossply.layers.expire import expire
from crossply.testing import Script
from tests.unit.sdk.stage import call, now, request


async def test_a_request_in_time_goes_on() -> None:
    script = Script()
    await call(expire(now), script, request(deadline=now() + 0.001))
    assert len(script.seen) == 1


@pytest.mark.parametrize("late", [0.0, 1.0])
async def test_a_request_past_its_deadline_does_not_reach_the_endpoint(late: float) -> None:
    script = Script()
    with pytest.raises(DeadlineExceeded) as caught:
        await call(expire(now), script, request(deadline=now() - late))
    assert caught.value.executed is Executed.NO
    assert not script.seen
