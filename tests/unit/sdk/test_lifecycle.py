"""Starting and stopping, in any order and from anywhere: nothing is left running, nothing is left half done."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import structlog

from crossply import ConfigError, EndpointFailed, InvalidArgument, Mesh, MeshError
from crossply.errors import Code
from crossply.telemetry import logs
from crossply.testing import MemoryBroker
from tests.unit.sdk.stage import mesh, settle


def orders_on(broker: MemoryBroker) -> Mesh:
    orders = mesh(broker, "orders")

    @orders.endpoint
    async def create() -> str:
        return "created"

    @orders.endpoint
    async def slow() -> str:
        await asyncio.sleep(3)
        return "done"

    return orders


async def test_of_two_starts_at_once_one_is_told_that_it_runs(broker: MemoryBroker) -> None:
    orders = orders_on(broker)
    results = await asyncio.gather(orders.start(), orders.start(), return_exceptions=True)
    assert [type(each) for each in results] == [type(None), MeshError]
    await orders.stop()


async def test_a_stop_during_the_start_stops_it_once_it_runs(broker: MemoryBroker) -> None:
    orders = orders_on(broker)
    starting = asyncio.ensure_future(orders.start())
    await asyncio.sleep(0)
    await orders.stop()
    await starting
    with pytest.raises(MeshError, match="not running"):
        _ = orders.running


async def test_a_stop_whose_caller_gives_up_goes_on(broker: MemoryBroker) -> None:
    orders = orders_on(broker)
    async with mesh(broker, "web") as web:
        await orders.start()
        calling = asyncio.ensure_future(web.call("orders.slow"))
        await asyncio.sleep(0.1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(orders.stop(), 0.5)
        assert await calling == "done"
        await orders.stop()
    assert not broker.links


async def test_two_stops_end_together(broker: MemoryBroker) -> None:
    orders = orders_on(broker)
    await orders.start()
    await asyncio.gather(orders.stop(), orders.stop())
    assert not broker.links


async def test_a_start_that_is_cancelled_leaves_nothing(broker: MemoryBroker) -> None:
    for turns in range(12):
        orders = orders_on(broker)
        starting = asyncio.ensure_future(orders.start())
        for _ in range(turns):
            await asyncio.sleep(0)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await orders.stop()
        await settle()
        assert not broker.links


async def test_a_handler_can_call_from_the_first_moment(broker: MemoryBroker) -> None:
    async with mesh(broker, "web") as web, orders_on(broker):
        shop = mesh(broker, "shop")

        @shop.endpoint
        async def buy() -> object:
            return await shop.call("orders.create")

        starting = asyncio.ensure_future(shop.start())
        results = await asyncio.gather(*(web.call("shop.buy") for _ in range(20)))
        await starting
        assert set(results) == {"created"}
        await shop.stop()


async def test_a_mesh_that_a_module_made_is_adopted(broker: MemoryBroker) -> None:
    orders = Mesh("orders")

    @orders.endpoint
    async def create() -> str:
        return "created"

    async with broker.adopt(orders), mesh(broker, "web") as web:
        assert await web.call("orders.create") == "created"


async def test_an_endpoint_under_a_plain_decorator_is_awaited(broker: MemoryBroker) -> None:
    orders = mesh(broker, "orders")

    async def inner() -> str:
        await asyncio.sleep(0.01)
        return "awaited"

    @orders.endpoint(name="wrapped")
    def wrapper() -> Any:
        return inner()

    async with orders, mesh(broker, "web") as web:
        assert await web.call("orders.wrapped") == "awaited"


def test_what_is_declared_wrongly_is_said_when_it_is_declared(broker: MemoryBroker) -> None:
    orders: Any = mesh(broker, "orders")

    async def created(number: int) -> None: ...

    with pytest.raises(ConfigError, match="it takes the channel"):
        orders.on(created)
    with pytest.raises(ConfigError, match="concurrency is 0"):
        orders.on("orders.created", concurrency=0)(created)
    with pytest.raises(ConfigError, match="not text"):
        Mesh(5)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no failure"):
        EndpointFailed("fine", code=Code.OK)


async def test_a_timeout_that_is_no_number_is_refused(broker: MemoryBroker) -> None:
    async with orders_on(broker), mesh(broker, "web") as web:
        with pytest.raises(InvalidArgument, match="not a number"):
            await web.call("orders.create", timeout=float("nan"))


async def test_a_log_that_cannot_be_written_costs_nothing(
    broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        def isatty(self) -> bool:
            return False

        def write(self, _text: str) -> int:
            raise ValueError("I/O operation on closed file")

        def flush(self) -> None:
            raise ValueError("I/O operation on closed file")

    monkeypatch.setattr("sys.stderr", Closed())
    logs.configure()
    orders = mesh(broker, "orders")

    @orders.endpoint
    async def broken() -> None:
        raise RuntimeError("said to nobody")

    try:
        async with orders, mesh(broker, "web") as web:
            with pytest.raises(EndpointFailed):
                await web.call("orders.broken")
    finally:
        structlog.reset_defaults()


@pytest.mark.parametrize("what", ["stop", "withdraw"])
async def test_a_handler_that_waits_for_the_end_of_all_handlers_is_told_at_once(
    broker: MemoryBroker, what: str
) -> None:
    orders = mesh(broker, "orders")
    said: list[MeshError] = []

    @orders.endpoint
    async def end() -> str:
        try:
            await getattr(orders, what)()
        except MeshError as error:
            said.append(error)
        return "still here"

    async with orders, mesh(broker, "web") as web:
        assert await web.call("orders.end", returns=str) == "still here"
        assert f"asyncio.create_task(mesh.{what}())" in str(said[0])
        assert orders.running.draining is False


async def test_a_handler_may_have_a_task_stop_its_mesh(broker: MemoryBroker) -> None:
    orders = mesh(broker, "orders")
    stopping: list[asyncio.Task[None]] = []

    @orders.endpoint
    async def end() -> str:
        stopping.append(asyncio.create_task(orders.stop()))
        await asyncio.sleep(0.1)
        return "done"

    await orders.start()
    async with mesh(broker, "web") as web:
        assert await web.call("orders.end", returns=str) == "done"
        await stopping[0]
    assert not broker.links


async def test_the_handler_of_another_mesh_may_stop_this_one(broker: MemoryBroker) -> None:
    orders, web = orders_on(broker), mesh(broker, "web")

    @web.endpoint
    async def end() -> str:
        await orders.stop()
        return "ended"

    await orders.start()
    async with web:
        assert await web.call("web.end", returns=str) == "ended"
    assert not broker.links
