"""A crashed or paused instance, to the millisecond: on a clock that jumps only the mesh's own rules take time."""

from __future__ import annotations

import asyncio

import pytest

from crossply import CallError, Mesh
from crossply.discovery.vigil import LOOK_EVERY, PING_EVERY, PING_TIMEOUT, SLOW_AT_LEAST
from crossply.routing.instances import Instance
from crossply.testing import MemoryBroker
from tests.unit.sdk.stage import mesh, now

ON_THE_WAY = 0.01
IN_FLIGHT = 10


def orders_on(broker: MemoryBroker) -> Mesh:
    orders = mesh(broker, "orders")

    @orders.endpoint
    async def create(seconds: float = 0.0) -> str:
        await asyncio.sleep(seconds)
        return orders.instance

    return orders


def suspected(each: Instance) -> bool:
    return each.suspect


async def lasted(caller: Mesh, seconds: float, timeout: float) -> tuple[str, float, str]:
    """Make one call; return what came of it, how long it took, and whether it ran."""
    began = now()
    try:
        found = await caller.call("orders.create", {"seconds": seconds}, returns=str, timeout=timeout)
    except CallError as error:
        return str(error.code), now() - began, str(error.executed)
    return found, now() - began, "yes"


async def test_a_crashed_instance_is_out_within_250_ms_of_the_first_slow_attempt_and_its_attempts_fail_at_once(
    broker: MemoryBroker,
) -> None:
    first, second = orders_on(broker), orders_on(broker)
    async with second, mesh(broker, "web") as web:
        await first.start()
        await web.call("orders.create")
        await asyncio.sleep(0.1)
        calls = [asyncio.ensure_future(lasted(web, 3.0, 60.0)) for _ in range(4 * IN_FLIGHT)]
        await asyncio.sleep(ON_THE_WAY)
        callee = web.running.catalog.callee("orders")
        crashed = first.instance
        sent = callee.instances[crashed].in_flight
        broker.crash(crashed)
        await asyncio.sleep(SLOW_AT_LEAST + PING_EVERY)
        assert crashed not in callee.instances
        failed = [each.result() for each in calls if each.done()]
        assert len(failed) == sent >= IN_FLIGHT
        assert {(code, executed) for code, _, executed in failed} == {("disconnected", "maybe")}
        others = await asyncio.gather(*(each for each in calls if not each.done()))
        assert {found for found, _, _ in others} == {second.instance}
        await first.stop()


async def test_a_paused_instance_is_suspect_after_a_second_and_gets_nothing_new_while_its_attempts_are_left_alone(
    broker: MemoryBroker,
) -> None:
    first, second = orders_on(broker), orders_on(broker)
    async with first, second, mesh(broker, "web") as web:
        await web.call("orders.create")
        await asyncio.sleep(0.1)
        callee = web.running.catalog.callee("orders")
        paused = callee.instances[first.instance]
        broker.freeze(paused.id)
        waiting = [asyncio.ensure_future(lasted(web, 0.0, 30.0)) for _ in range(4 * IN_FLIGHT)]
        began = now()
        await asyncio.sleep(SLOW_AT_LEAST)
        assert not suspected(paused)
        await asyncio.sleep(2 * LOOK_EVERY + PING_TIMEOUT)
        assert suspected(paused)
        assert now() - began < SLOW_AT_LEAST + PING_TIMEOUT + PING_EVERY
        held = sum(not each.done() for each in waiting)
        assert held == paused.in_flight >= IN_FLIGHT
        assert {(await lasted(web, 0.0, 1.0))[0] for _ in range(50)} == {second.instance}
        assert paused.in_flight == held
        broker.thaw(paused.id)
        assert {found for found, _, _ in await asyncio.gather(*waiting)} == {first.instance, second.instance}


@pytest.mark.parametrize("idempotent", [True, False])
async def test_what_was_in_flight_at_a_crashed_instance_runs_elsewhere_only_if_it_may_run_twice(
    broker: MemoryBroker, idempotent: bool
) -> None:
    first, second = orders_on(broker), orders_on(broker)
    async with second, mesh(broker, "web") as web:
        await first.start()
        await web.call("orders.create")
        await asyncio.sleep(0.1)
        calls = [
            asyncio.ensure_future(web.call("orders.create", {"seconds": 1.0}, returns=str, idempotent=idempotent))
            for _ in range(2 * IN_FLIGHT)
        ]
        await asyncio.sleep(ON_THE_WAY)
        broker.crash(first.instance)
        found = await asyncio.gather(*calls, return_exceptions=True)
        assert any(isinstance(each, CallError) for each in found) is not idempotent
        assert {each for each in found if isinstance(each, str)} == {second.instance}
        await first.stop()
