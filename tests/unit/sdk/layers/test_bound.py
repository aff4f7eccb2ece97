"""Stopping an endpoint at the deadline."""

from __future__ import annotations

import asyncio
import math

import pytest

from crossply.errors import DeadlineExceeded, Executed
from crossply.handler import Request, Response
from crossply.layers.bound import bound
from crossply.testing import Script
from tests.unit.sdk.stage import call, now, request


async def test_an_endpoint_in_time_is_left_alone() -> None:
    response = await call(bound(now), Script([0.5, Response(b"done")]), request(deadline=now() + 1.0))
    assert response.body == b"done"


async def test_an_endpoint_is_stopped_at_the_deadline_and_may_have_run() -> None:
    began = now()
    with pytest.raises(DeadlineExceeded) as caught:
        await call(bound(now), Script([60.0]), request(deadline=began + 1.0))
    assert caught.value.executed is Executed.MAYBE
    assert now() == pytest.approx(began + 1.0)


async def test_without_a_deadline_an_endpoint_takes_its_time() -> None:
    await call(bound(now), Script([1000.0]), request(deadline=math.inf))


async def test_a_timeout_of_the_endpoints_own_is_its_own_error() -> None:
    with pytest.raises(TimeoutError):
        await call(bound(now), Script([TimeoutError("mine")]), request(deadline=now() + 1.0))


async def test_an_endpoint_that_is_stopped_may_clean_up() -> None:
    cleaned: list[bool] = []

    async def tidy(_request: Request) -> Response:
        try:
            await asyncio.sleep(60.0)
        finally:
            cleaned.append(True)
        return Response()

    with pytest.raises(DeadlineExceeded):
        await call(bound(now), tidy, request(deadline=now() + 1.0))
    assert cleaned


async def test_being_cancelled_from_outside_is_no_deadline() -> None:
    task = asyncio.ensure_future(call(bound(now), Script([60.0]), request(deadline=now() + 1.0)))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
