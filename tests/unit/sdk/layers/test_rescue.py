"""Turning what was raised into the reply that the caller sees."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import Code, EndpointFailed, Executed, NotFound
from crossply.handler import Request, Response
from crossply.layers.rescue import rescue
from crossply.testing import Script
from tests.unit.sdk.stage import call, request

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Reports:
    """What was reported."""

    def __init__(self) -> None:
        self.seen: list[tuple[Request, BaseException]] = []

    def __call__(self, made: Request, error: BaseException) -> None:
        self.seen.append((made, error))


async def test_a_response_passes() -> None:
    reports = Reports()
    response = await call(rescue(reports), Script([Response(b"done")]))
    assert response.body == b"done"
    assert response.failure is None


async def test_an_error_that_a_layer_raised_is_the_reply_and_no_surprise() -> None:
    reports = Reports()
    response = await call(rescue(reports), Script([NotFound("no such endpoint")]))
    assert response.failure.code is Code.NOT_FOUND
    assert not reports.seen


async def test_any_other_error_is_internal_without_its_text_and_is_reported() -> None:
    reports = Reports()
    made = request(traceparent=TRACEPARENT)
    response = await call(rescue(reports), Script([ValueError("password=secret")]), made)
    failure = response.failure
    assert isinstance(failure, EndpointFailed)
    assert (failure.code, failure.executed, failure.message) == (Code.INTERNAL, Executed.YES, "")
    assert failure.trace_id == "0af7651916cd43dd8448eb211c80319c"
    [(_, error)] = reports.seen
    assert str(error) == "password=secret"


async def test_a_cancelled_request_stays_cancelled() -> None:
    with pytest.raises(asyncio.CancelledError):
        await call(rescue(Reports()), Script([asyncio.CancelledError()]))
