"""The first calls to a service go by its policy and to its instances, however many there are and whatever happens."""

from __future__ import annotations

import asyncio
import time

import pytest

from crossply import CallError, Code, Mesh
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.policies import Policies
from tests.support.waiting import eventually, eventually_awaited


async def shop(meshes: Meshes) -> Mesh:
    orders = meshes.new("orders")

    @orders.endpoint
    async def wait(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    await meshes.start(orders)
    return orders


async def test_all_of_the_first_calls_go_by_the_services_policy(meshes: Meshes, policies: Policies) -> None:
    await policies.apply({"kind": "Defaults", "name": "mesh", "spec": {"timeout": {"total": "300ms"}}})
    await policies.apply({"kind": "Service", "name": "orders", "spec": {"timeout": {"total": "5s"}}})
    await shop(meshes)
    for _ in range(3):
        caller = await meshes.client()
        calls = [caller.call("orders.wait", {"seconds": 0.6}) for _ in range(8)]
        assert await asyncio.gather(*calls) == ["done"] * 8


async def test_what_a_first_call_that_was_cancelled_began_is_there_for_the_next(
    meshes: Meshes, policies: Policies
) -> None:
    await policies.apply({"kind": "Defaults", "name": "mesh", "spec": {"timeout": {"total": "300ms"}}})
    await policies.apply({"kind": "Service", "name": "orders", "spec": {"timeout": {"total": "5s"}}})
    await shop(meshes)
    caller = await meshes.client()
    first = asyncio.ensure_future(caller.call("orders.wait", {"seconds": 0.0}))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await caller.call("orders.wait", {"seconds": 0.6}) == "done"


async def test_a_first_call_during_an_outage_leaves_nothing_that_outlives_it(
    meshes: Meshes, policies: Policies, broker: Broker
) -> None:
    await policies.apply({"kind": "Service", "name": "orders", "spec": {"timeout": {"total": "5s"}}})
    orders = await shop(meshes)
    caller = await meshes.client()
    broker.kill()
    await eventually(lambda: not caller.link.connected)
    first = asyncio.ensure_future(caller.call("orders.wait", {"seconds": 0.0}))
    await asyncio.sleep(0.1)
    broker.start()
    assert await first == "done"
    assert await caller.call("orders.wait", {"seconds": 0.0}) == "done"
    await eventually(lambda: set(caller.running.catalog.callee("orders").instances) == {orders.instance})


async def test_a_first_call_ends_at_its_deadline(meshes: Meshes, broker: Broker) -> None:
    await shop(meshes)
    caller = await meshes.client()
    broker.pause()
    began = time.monotonic()
    with pytest.raises(CallError):
        await caller.call("orders.wait", {"seconds": 0.0}, timeout=0.1)
    assert time.monotonic() - began < 0.2
    broker.resume()


async def test_names_that_nobody_has_never_lock_out_a_service_that_is_there(meshes: Meshes, broker: Broker) -> None:
    await shop(meshes)
    caller = await meshes.client()
    broker.kill()
    await eventually(lambda: not caller.link.connected)
    calls = [caller.call(f"nobody-{number}.x", timeout=0.5) for number in range(700)]
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert {each.code for each in errors if isinstance(each, CallError)} == {Code.UNAVAILABLE}
    broker.start()
    await eventually(lambda: caller.link.connected, 10.0)
    outcomes: set[str] = set()

    async def answered() -> bool:
        try:
            outcomes.add(await caller.call("orders.wait", {"seconds": 0.0}, timeout=1.0))
        except CallError as error:
            outcomes.add(str(error.code))
        return "done" in outcomes

    await eventually_awaited(answered, 2.0)
    assert outcomes == {"done"}
