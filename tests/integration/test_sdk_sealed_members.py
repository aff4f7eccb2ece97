"""Members of a real authority over a closed broker: their calls and events are sealed, from the first one on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from crossply.identity.asking import asking
from crossply.identity.member import Member
from crossply.seal.credentials import Recipient
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed, access, closed_mesh
from tests.support.vouched import sealing
from tests.support.waiting import eventually

CHANNEL = {"channel": "shop.>", "actions": ["publish", "subscribe"]}
SHOP = access("shop", ["web", "orders"], CHANNEL)


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Closed]:
    async with closed_mesh(tmp_path, ("orders", "web"), WEB_TO_ORDERS, SHOP) as made:
        yield made


async def test_every_call_between_members_is_sealed_the_first_one_too(closed: Closed) -> None:
    async with closed.orders() as orders, closed.web() as web:
        assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2
        assert await asyncio.gather(*(web.call("orders.quote", {"number": each}) for each in range(50))) == list(
            range(1, 51)
        )
        recipients = {to.instance for to in sealing(web).sealer.sessions if isinstance(to, Recipient)}
        assert orders.instance in recipients


async def test_a_call_that_began_before_its_callee_renewed_is_answered(closed: Closed) -> None:
    orders = closed.orders()

    @orders.endpoint
    async def slow(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"

    async with orders, closed.web() as web:
        assert [await web.call("orders.quote", {"number": 1}) for _ in range(10)] == [2] * 10
        waiting = [asyncio.ensure_future(web.call("orders.slow", {"seconds": 1.0}, timeout=5.0)) for _ in range(4)]
        await asyncio.sleep(0.2)
        for each in (orders, web):
            member = each.running.member
            assert isinstance(member, Member)
            assert await member.renew(asking(each.running.routes.outbound, each.running.now))
        assert await asyncio.gather(*waiting) == ["done"] * 4


async def test_events_between_members_are_sealed_under_keys_that_the_authority_gave(
    closed: Closed, tmp_path: Path
) -> None:
    got: list[tuple[str, Any]] = []
    async with closed.registry(tmp_path / "registry") as registry:
        await registry.ready()
        orders, web = closed.orders(), closed.web()

        @orders.on("shop.sold")
        async def sold(text: str) -> None:
            got.append(("sold", text))

        async with orders, web:
            await web.publish("shop.sold", "first", timeout=10.0)

            async def arrives() -> bool:
                await web.publish("shop.sold", "again", timeout=10.0)
                await asyncio.sleep(0.05)
                return bool(got)

            for _ in range(100):
                if await arrives():
                    break
            assert got
            assert await eventually(lambda: sealing(orders).events.sessions)
