"""Deadlines: no call outlives its own, whatever the callee or the broker does, and every hop inherits it."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from crossply import CallError, Code, DeadlineExceeded, EndpointFailed, Executed, Unavailable, current
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.waiting import eventually

SLACK = 0.05
"""How long after its deadline a call may end, besides what the event loop itself was late."""


@dataclass
class Lag:
    """How late the event loop ran what was due, at most, in seconds."""

    worst: float = 0.0


@asynccontextmanager
async def measured_lag() -> AsyncGenerator[Lag]:
    lag = Lag()

    async def tick() -> None:
        while True:
            due = time.monotonic() + 0.005
            await asyncio.sleep(0.005)
            lag.worst = max(lag.worst, time.monotonic() - due)

    ticking = asyncio.ensure_future(tick())
    try:
        yield lag
    finally:
        ticking.cancel()


async def outlived(call: Awaitable[object], timeout: float) -> tuple[CallError, float]:
    """Return the error of a call, and by how much it outlived its timeout and the loop's lag."""
    async with measured_lag() as lag:
        began = time.monotonic()
        with pytest.raises(CallError) as caught:
            await call
        took = time.monotonic() - began
    return caught.value, took - timeout - lag.worst


async def test_a_call_ends_at_its_deadline_though_the_endpoint_hangs(meshes: Meshes) -> None:
    orders = meshes.new("orders")
    stopped: list[float] = []

    @orders.endpoint
    async def hang() -> None:
        try:
            await asyncio.sleep(math.inf)
        finally:
            stopped.append(current().remaining())

    await meshes.start(orders)
    caller = await meshes.client()

    error, late = await outlived(caller.call("orders.hang", timeout=0.3), 0.3)

    assert isinstance(error, DeadlineExceeded)
    assert error.executed is Executed.MAYBE
    assert late <= SLACK
    await eventually(lambda: stopped == [0.0])  # the callee's clock began when the request arrived, a little later


async def test_a_call_ends_at_its_deadline_though_the_endpoint_will_not_be_stopped(meshes: Meshes) -> None:
    orders = meshes.new("orders")
    released = asyncio.Event()

    @orders.endpoint
    async def stubborn() -> None:
        while not released.is_set():
            try:
                await released.wait()
            except asyncio.CancelledError:
                continue

    await meshes.start(orders)
    caller = await meshes.client()

    error, late = await outlived(caller.call("orders.stubborn", timeout=0.3), 0.3)
    released.set()

    assert error.code is Code.DEADLINE_EXCEEDED
    assert late <= SLACK


async def test_fifty_calls_end_at_their_deadlines_though_a_thread_hangs(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    def sleep() -> None:
        time.sleep(1.0)

    await meshes.start(orders)
    caller = await meshes.client()

    outcomes = await asyncio.gather(*(outlived(caller.call("orders.sleep", timeout=0.3), 0.3) for _ in range(50)))

    assert {error.code for error, _ in outcomes} == {Code.DEADLINE_EXCEEDED}
    assert max(late for _, late in outcomes) <= SLACK


async def test_no_call_outlives_its_deadline_while_the_broker_is_paused(meshes: Meshes, broker: Broker) -> None:
    orders = meshes.new("orders")

    @orders.endpoint(idempotent=True)
    async def echo(body: bytes) -> bytes:
        return body

    await meshes.start(orders)
    caller = await meshes.client()
    await caller.call("orders.echo", b"x")

    broker.pause()
    try:
        outcomes = await asyncio.gather(
            *(outlived(caller.call("orders.echo", bytes(900_000), timeout=0.5), 0.5) for _ in range(20)),
            outlived(caller.call("billing.charge", timeout=0.5), 0.5),
        )
    finally:
        broker.resume()

    assert max(late for _, late in outcomes) <= SLACK
    assert await caller.call("orders.echo", b"y", returns=bytes, timeout=5.0) == b"y"


async def test_a_call_made_while_disconnected_ends_at_its_deadline(meshes: Meshes, broker: Broker) -> None:
    caller = await meshes.client()
    broker.kill()
    while caller.link.connected:
        await asyncio.sleep(0.01)

    error, late = await outlived(caller.call("orders.echo", timeout=0.3), 0.3)

    assert isinstance(error, Unavailable)
    assert error.executed is Executed.NO
    assert "not connected" in str(error)
    assert late <= SLACK


async def test_the_first_call_to_a_service_ends_at_its_deadline_while_the_broker_is_paused(
    meshes: Meshes, broker: Broker
) -> None:
    caller = await meshes.client()

    broker.pause()
    try:
        _, late = await outlived(caller.call("orders.echo", timeout=0.1), 0.1)
    finally:
        broker.resume()

    assert late <= SLACK


async def test_a_deadline_that_has_passed_sends_nothing(meshes: Meshes) -> None:
    orders = meshes.new("orders")
    ran: list[int] = []

    @orders.endpoint
    async def run() -> None:
        ran.append(1)

    await meshes.start(orders)
    caller = await meshes.client()

    for timeout in (0.0, -1.0):
        with pytest.raises(DeadlineExceeded) as caught:
            await caller.call("orders.run", timeout=timeout)
        assert caught.value.executed is Executed.NO
    assert ran == []


async def test_each_hop_inherits_what_is_left(meshes: Meshes) -> None:
    outer, middle, inner = meshes.new("outer"), meshes.new("middle"), meshes.new("inner")

    @inner.endpoint
    async def left() -> list[float]:
        return [current().remaining()]

    @middle.endpoint
    async def left_there() -> list[float]:
        await asyncio.sleep(0.1)
        mine = current().remaining()
        return [mine, *await middle.call("inner.left", timeout=30.0, returns=list[float])]

    @outer.endpoint
    async def left_everywhere() -> list[float]:
        await asyncio.sleep(0.1)
        mine = current().remaining()
        return [mine, *await outer.call("middle.left-there", returns=list[float])]

    await meshes.start(outer, middle, inner)
    caller = await meshes.client()

    first, second, third = await caller.call("outer.left-everywhere", timeout=2.0, returns=list[float])

    assert 1.0 < third <= second <= first - 0.1 <= 1.8


async def test_a_hang_two_hops_away_ends_with_the_deadline_of_the_first(meshes: Meshes) -> None:
    outer, inner = meshes.new("outer"), meshes.new("inner")
    seen: list[CallError] = []

    @inner.endpoint
    async def hang() -> None:
        await asyncio.sleep(60)

    @outer.endpoint
    async def relay() -> None:
        try:
            await outer.call("inner.hang", timeout=60.0)
        except CallError as error:
            seen.append(error)
            raise

    await meshes.start(outer, inner)
    caller = await meshes.client()

    error, late = await outlived(caller.call("outer.relay", timeout=0.4), 0.4)

    assert isinstance(error, (DeadlineExceeded, EndpointFailed))
    assert late <= SLACK
    await asyncio.sleep(0.05)
    assert [each.code for each in seen] in ([], [Code.DEADLINE_EXCEEDED])


async def test_without_a_timeout_the_policys_total_bounds_a_call(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def left() -> float:
        return current().remaining()

    await meshes.start(orders)
    caller = await meshes.client()

    assert 4.0 < await caller.call("orders.left", returns=float) <= 5.0
    assert await caller.call("orders.left", timeout=60.0, returns=float) <= 5.0


async def test_a_cancelled_call_leaves_nothing_behind(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def hang() -> None:
        await asyncio.sleep(60)

    await meshes.start(orders)
    caller = await meshes.client()
    calls = [asyncio.ensure_future(caller.call("orders.hang", timeout=1.0)) for _ in range(10)]
    await asyncio.sleep(0.15)

    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)

    assert caller.link.outstanding(0.0) == {}


async def test_of_calls_that_came_together_those_whose_time_ran_out_meanwhile_do_not_run(meshes: Meshes) -> None:
    orders = meshes.new("orders")
    ran: list[int] = []

    @orders.endpoint
    async def compute(number: int) -> int:
        ran.append(number)
        time.sleep(0.2)
        return number

    await meshes.start(orders)
    caller = await meshes.client()
    assert await caller.call("orders.compute", {"number": 0}) == 0
    calls = [caller.call("orders.compute", {"number": number}, timeout=0.5) for number in range(1, 9)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert any(isinstance(each, DeadlineExceeded) for each in outcomes)
    await asyncio.sleep(0.2)
    assert len(ran) <= 1 + 4
