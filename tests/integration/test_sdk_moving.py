"""When policy changes what a connection may, its instance moves: what is allowed works at once, the rest goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from crossply import Mesh
from crossply.errors import CallError, PermissionDenied
from crossply.identity.member import Member
from crossply.wire import connect
from crossply.wire.link import ConnectionEvent, LinkConfig
from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import Closed, access
from tests.support.waiting import eventually, eventually_awaited

ORDERS = {"service": "orders"}


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Closed]:
    out = initialised(tmp_path / "mesh", "orders", "web", "shop", "stock")
    with ClosedBroker(out) as broker:
        async with AuthorityProcess(out, tmp_path / "authority", broker.url) as authority:
            await authority.ready()
            yield Closed(broker, authority, out, tmp_path / "state")


def stock(closed: Closed) -> Mesh:
    mesh = Mesh("stock", config=closed.config("stock"))

    @mesh.endpoint()
    async def count(number: int) -> int:
        return number

    return mesh


async def quote(mesh: Mesh) -> int:
    number: int = await mesh.call("orders.quote", {"number": 1}, timeout=5.0)
    return number


def connection(mesh: Mesh) -> object:
    """Return the connection that a mesh sends on."""
    return cast("Any", mesh.link)._broker.current


async def has(mesh: Mesh, revision: int) -> None:
    await eventually(lambda: mesh.status()["revision"] == revision)


async def refused(mesh: Mesh) -> bool:
    try:
        await quote(mesh)
    except CallError:
        return True
    return False


async def test_a_call_that_an_addition_allows_succeeds_on_its_first_try_and_only_the_pair_moves(closed: Closed) -> None:
    async with closed.policies() as policies:
        await policies.apply(access("shop", ["shop"], {"service": "stock"}, ORDERS))
        async with closed.orders() as orders, closed.web() as web, stock(closed) as counting, \
                Mesh("shop", config=closed.config("shop")) as shop:  # fmt: skip
            await asyncio.gather(*(has(each, 1) for each in (orders, web, shop, counting)))
            with pytest.raises(CallError):
                await quote(web)
            before = {each: connection(each) for each in (orders, web, shop, counting)}
            stop, made = asyncio.Event(), 0

            async def others() -> None:
                nonlocal made
                while not stop.is_set():
                    assert await shop.call("stock.count", {"number": 1}, timeout=5.0) == 1
                    assert await quote(shop) == 2
                    made += 1

            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(others())
                revision = await policies.apply(access("web", ["web"], ORDERS))
                await asyncio.gather(*(has(each, revision) for each in (orders, web)))
                began = time.monotonic()
                assert await quote(web) == 2
                print(f"allowed to answered: {time.monotonic() - began:.3f} s")
                await asyncio.sleep(3.0)
                stop.set()
            moved = {each for each, held in before.items() if connection(each) is not held}
            assert moved == {orders, web}
            assert made > 50


async def test_who_stays_on_a_wider_list_is_ended_and_who_moves_is_not(closed: Closed) -> None:
    async with closed.policies() as policies:
        await policies.apply(access("web", ["web"], ORDERS, {"service": "stock"}))
        async with closed.orders(), closed.web() as web, stock(closed):
            await has(web, 1)
            assert await quote(web) == 2
            who = web.running.member
            assert isinstance(who, Member)
            stays = await connect(
                LinkConfig(servers=(closed.broker.url,), service="web", instance=web.instance, tls=who.tls)
            )
            events: list[ConnectionEvent] = []
            web.link.on_event(events.append)
            ended: list[ConnectionEvent] = []
            stays.on_event(ended.append)
            try:
                await policies.apply(access("web-denied", ["web"], ORDERS, effect="deny"))
                await eventually_awaited(lambda: refused(web), 5.0)
                await eventually(lambda: ConnectionEvent.DISCONNECTED in ended, 12.0)
                assert await web.call("stock.count", {"number": 3}, timeout=5.0) == 3
                assert ConnectionEvent.DISCONNECTED not in events
            finally:
                await stays.aclose()


async def test_a_call_that_policy_forbids_is_told_so(closed: Closed) -> None:
    async with closed.policies() as policies:
        await policies.apply(access("shop", ["shop"], ORDERS))
        async with closed.orders(), closed.web() as web:
            await has(web, 1)
            with pytest.raises(PermissionDenied):
                await quote(web)
