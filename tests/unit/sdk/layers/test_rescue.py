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
    async def endless(_request: Request) -> Response:
        await asyncio.sleep(60)
        return Response()

    calling = asyncio.ensure_future(call(rescue(Reports()), endless))
    await asyncio.sleep(1)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling


@pytest.mark.parametrize("raised", [asyncio.CancelledError(), SystemExit(3)], ids=["of a task of its own", "exit"])
async def test_what_would_end_a_task_or_the_process_is_an_answer_when_the_handler_raised_it(
    raised: BaseException,
) -> None:
    reports = Reports()
    response = await call(rescue(reports), Script([raised]))
    assert response.failure.code is Code.INTERNAL
    assert [type(error) for _, error in reports.seen] == [type(raised)]
