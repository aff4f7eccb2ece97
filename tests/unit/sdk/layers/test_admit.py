"""Refusing early: above the limit, and while draining."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import Executed, Overloaded, Unavailable
from crossply.handler import Request, Response
from crossply.layers.admit import Admission, admit
from crossply.testing import Script
from tests.unit.sdk.stage import call, settle


async def test_a_request_is_counted_while_it_is_served() -> None:
    admission = Admission(limit=1)
    running = asyncio.ensure_future(call(admit(admission), Script([1.0, Response()])))
    await settle()
    assert admission.in_flight == 1
    await running
    assert admission.in_flight == 0


async def test_above_the_limit_a_request_is_refused_with_a_time_to_come_back() -> None:
    async def slow(made: Request) -> Response:
        await asyncio.sleep(1.0)
        return await script(made)

    admission, script = Admission(limit=2), Script()
    running = [asyncio.ensure_future(call(admit(admission), slow)) for _ in range(2)]
    await settle()
    with pytest.raises(Overloaded) as caught:
        await call(admit(admission), slow)
    assert caught.value.retry_after is not None
    assert caught.value.executed is Executed.NO
    await asyncio.gather(*running)
    assert len(script.seen) == 2
    await call(admit(admission), script)


async def test_an_instance_that_drains_takes_nothing() -> None:
    script = Script()
    with pytest.raises(Unavailable):
        await call(admit(Admission(limit=1, draining=True)), script)
    assert not script.seen


@pytest.mark.parametrize("error", [ValueError("user"), asyncio.CancelledError()])
async def test_a_request_that_fails_leaves_its_place(error: BaseException) -> None:
    admission = Admission(limit=1)
    with pytest.raises(type(error)):
        await call(admit(admission), Script([error]))
    assert admission.in_flight == 0


async def test_a_place_is_held_until_the_response_is_done() -> None:
    class Streaming(Response):
        """A response that is done when told."""

        def when_done(self, release: object) -> None:
            releases.append(release)

    releases: list[object] = []
    admission = Admission(limit=1)
    await call(admit(admission), Script([Streaming()]))
    assert admission.in_flight == 1
    [release] = releases
    assert callable(release)
    release()
    assert admission.in_flight == 0
