"""Draining: what was taken is finished within the policy's time, whether it runs or waits; the rest is let go."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import CallError, Executed
from crossply.handler import Request
from crossply.names import new_id
from crossply.testing import MemoryBroker
from tests.support.policies import Policies
from tests.unit.sdk.stage import link, mesh, now


async def test_a_call_that_waits_for_a_place_when_its_instance_drains_is_answered(broker: MemoryBroker) -> None:
    orders = mesh(broker, "orders")
    runs: list[float] = []

    @orders.endpoint
    async def create() -> None:
        await asyncio.sleep(1.0)
        runs.append(now())

    await orders.start()
    orders.running.admission.concurrency.limit = 1
    async with mesh(broker, "web") as web:
        calls = [
            asyncio.ensure_future(web.link.call(Request("orders.create", id=new_id(), deadline=now() + 10.0)))
            for _ in range(3)
        ]
        await asyncio.sleep(0.1)
        assert orders.status()["in_flight"] == 3
        await orders.stop()
        await asyncio.gather(*calls)
    assert len(runs) == 3


async def test_what_is_not_finished_in_the_policys_time_is_let_go_and_may_have_run(broker: MemoryBroker) -> None:
    policies = Policies(await link(broker, "registry"))
    await policies.begin()
    await policies.apply({"kind": "Service", "name": "orders", "spec": {"drain": {"timeout": 1}}})
    orders = mesh(broker, "orders")
    stopped: list[float] = []

    @orders.endpoint
    async def hang() -> None:
        try:
            await asyncio.sleep(60.0)
        finally:
            stopped.append(now())

    await orders.start()
    assert orders.status()["revision"] == 1
    async with mesh(broker, "web") as web:
        hanging = asyncio.ensure_future(web.call("orders.hang", timeout=30.0))
        await asyncio.sleep(0.5)
        began = now()
        await orders.stop()
        assert 1.0 <= stopped[0] - began <= 2.5
        with pytest.raises(CallError) as caught:
            await hanging
        assert caught.value.executed is Executed.MAYBE


async def test_an_event_that_is_not_finished_in_time_goes_to_another_instance(broker: MemoryBroker) -> None:
    policies = Policies(await link(broker, "registry"))
    await policies.begin()
    await policies.apply({"kind": "Service", "name": "mailer", "spec": {"drain": {"timeout": 1}}})
    handled: list[str] = []
    slow, quick = mesh(broker, "mailer"), mesh(broker, "mailer")

    @slow.on("orders.created")
    async def hang() -> None:
        await asyncio.sleep(600.0)

    @quick.on("orders.created")
    async def note() -> None:
        handled.append("quick")

    await slow.start()
    async with mesh(broker, "web") as web:
        await web.publish("orders.created", {})
        await asyncio.sleep(0.5)
        await slow.stop()
        async with quick:
            await asyncio.sleep(60.0)
    assert handled == ["quick"]
