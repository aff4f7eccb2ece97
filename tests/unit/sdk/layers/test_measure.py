"""Counting outcomes and how long they took."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import Code, EndpointFailed, Unavailable
from crossply.handler import Layer, Response
from crossply.layers.measure import measure
from crossply.telemetry.recorder import MemoryRecorder, Side
from crossply.testing import Script
from tests.unit.sdk.stage import call, now


def measuring(recorder: MemoryRecorder, side: Side = Side.CALLER) -> Layer:
    return measure(recorder, side, now)


async def test_a_success_is_counted_with_its_time() -> None:
    recorder = MemoryRecorder()
    await call(measuring(recorder), Script([0.5, Response()]))
    meter = recorder.meter(Side.CALLER, "orders.create")
    assert (meter.count, meter.failed, meter.codes) == (1, 0, {Code.OK: 1})
    assert meter.seconds == pytest.approx(0.5)


async def test_a_failure_is_counted_under_its_code() -> None:
    recorder = MemoryRecorder()
    with pytest.raises(Unavailable):
        await call(measuring(recorder), Script([Unavailable]))
    meter = recorder.meter(Side.CALLER, "orders.create")
    assert (meter.count, meter.failed, meter.last_failure) == (1, 1, "unavailable")


async def test_a_failure_that_is_a_reply_is_counted_as_the_caller_will_see_it() -> None:
    recorder = MemoryRecorder()
    reply = Response(failure=EndpointFailed("", code=Code.ABORTED))
    await call(measuring(recorder, Side.CALLEE), Script([reply]))
    assert recorder.meter(Side.CALLEE, "orders.create").codes == {Code.ABORTED: 1}
    assert recorder.meter(Side.CALLER, "orders.create").count == 0


async def test_a_call_that_its_caller_gave_up_is_counted_too() -> None:
    recorder = MemoryRecorder()
    task = asyncio.ensure_future(call(measuring(recorder), Script([60.0])))
    await asyncio.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    meter = recorder.meter(Side.CALLER, "orders.create")
    assert (meter.count, meter.failed) == (1, 1)
