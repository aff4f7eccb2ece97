"""A mesh in memory behaves as the real one does: users' tests, and ours, need neither broker nor sleep."""

from __future__ import annotations

import asyncio

import pytest

from crossply import CallError, Code, EndpointFailed, Event, Executed, InvalidArgument, Mesh, current
from crossply.testing import MemoryBroker
from tests.unit.sdk.stage import mesh, now, settle


def orders_on(broker: MemoryBroker, handled: list[tuple[int, int]] | None = None) -> Mesh:
    orders = mesh(broker, "orders")

    @orders.endpoint(idempotent=True)
    async def quote(sku: str, quantity: int = 1) -> dict[str, object]:
        return {"sku": sku, "total": 3 * quantity, "peer": current().peer.service}

    @orders.endpoint
    async def refuse() -> None:
        raise EndpointFailed("no credit", code=Code.ABORTED)

    @orders.endpoint
    async def hang() -> None:
        await asyncio.sleep(60)

    @orders.on("orders.created")
    async def created(number: int, event: Event) -> None:
        if handled is not None:
            handled.append((number, event.delivery))
        if number == 13 and event.delivery == 1:
            raise RuntimeError("unlucky")

    return orders


async def test_calls_errors_and_deadlines_are_those_of_the_mesh(broker: MemoryBroker) -> None:
    async with orders_on(broker), mesh(broker, "web") as web:
        assert await web.call("orders.quote", {"sku": "a"}) == {"sku": "a", "total": 3, "peer": "web"}
        with pytest.raises(InvalidArgument) as wrong:
            await web.call("orders.quote", {"sku": 1})
        assert wrong.value.details == (("/sku", "Expected `str`, got `int`"),)
        with pytest.raises(EndpointFailed) as refused:
            await web.call("orders.refuse")
        assert (refused.value.code, refused.value.executed) == (Code.ABORTED, Executed.YES)
        began = now()
        with pytest.raises(CallError) as late:
            await web.call("orders.hang", timeout=0.5)
        assert late.value.code is Code.DEADLINE_EXCEEDED
        assert now() - began == pytest.approx(0.5, abs=0.01)
        for operation in ("orders.nothing", "nobody.at-all"):
            with pytest.raises(CallError) as missing:
                await web.call(operation)
            assert missing.value.code is Code.NOT_FOUND


async def test_an_event_is_handled_and_again_after_a_failure(broker: MemoryBroker) -> None:
    handled: list[tuple[int, int]] = []
    async with orders_on(broker, handled), mesh(broker, "web") as web:
        await settle()
        await web.publish("orders.created", 1)
        await web.publish("orders.created", 13)
        await asyncio.sleep(5.0)
    assert handled == [(1, 1), (13, 1), (13, 2)]


async def test_a_crashed_instance_costs_no_idempotent_call(broker: MemoryBroker) -> None:
    first, second = orders_on(broker), orders_on(broker)
    async with first, second, mesh(broker, "web") as web:
        await web.call("orders.quote", {"sku": "a"})
        await settle()
        broker.crash(first.instance)
        for _ in range(20):
            assert await web.call("orders.quote", {"sku": "a"})


async def test_calls_wait_for_a_broker_that_is_away(broker: MemoryBroker) -> None:
    async with orders_on(broker), mesh(broker, "web") as web:
        await web.call("orders.quote", {"sku": "a"})
        broker.stop()
        calling = asyncio.ensure_future(web.call("orders.quote", {"sku": "a"}))
        await asyncio.sleep(1.0)
        assert not calling.done()
        broker.start()
        assert await calling


async def test_a_handler_may_call_while_its_mesh_drains(broker: MemoryBroker) -> None:
    orders = orders_on(broker)
    shop = mesh(broker, "shop")

    @shop.endpoint
    async def buy() -> object:
        await asyncio.sleep(1.0)
        return await shop.call("orders.quote", {"sku": "a"})

    async with orders, mesh(broker, "web") as web:
        await shop.start()
        buying = asyncio.ensure_future(web.call("shop.buy"))
        await asyncio.sleep(0.5)
        await shop.stop()
        assert (await buying)["total"] == 3
