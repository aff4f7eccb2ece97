"""A service that is called without a rule: who is told no, by which rule, how soon; at the very first call too."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from crossply import Mesh
from crossply.errors import Executed, NobodyToSealTo, Origin, PermissionDenied
from crossply.handler import Request
from crossply.names import new_id
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed, closed_mesh
from tests.support.meshes import Meshes
from tests.support.policies import Policies
from tests.support.vouched import VouchedMeshes, sealing
from tests.support.waiting import eventually

AT_ONCE, LAG = 0.05, 1.0
"""What is promised, in seconds, and what a busy machine may add to it."""
CALLS = 20


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Closed]:
    async with closed_mesh(tmp_path, ("orders", "web", "shop"), WEB_TO_ORDERS) as made:
        yield made


async def denied(mesh: Mesh) -> tuple[PermissionDenied, float]:
    """Call orders; return what came of it, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(PermissionDenied) as caught:
        await mesh.call("orders.quote", {"number": 1}, timeout=10.0)
    return caught.value, time.monotonic() - began


async def test_who_has_no_rule_is_told_so_by_the_default_at_the_first_call(closed: Closed) -> None:
    shop = Mesh("shop", config=closed.config("shop"))
    async with closed.orders(), closed.web() as web, shop:
        assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2
        took: list[float] = []
        for _ in range(CALLS):
            error, seconds = await denied(shop)
            assert (error.rule, error.executed) == ("default", Executed.NO)
            took.append(seconds)
        print(f"the first told after {took[0] * 1000:.1f} ms, of {CALLS} the last after {max(took) * 1000:.1f} ms")
        assert max(took) < AT_ONCE + LAG
        assert sorted(took)[CALLS // 2] < AT_ONCE


async def test_where_nothing_stands_in_its_place_the_callee_itself_says_so(meshes: Meshes, policies: Policies) -> None:
    """A broker that lets everybody say everything, and a caller that does not look at its own copy."""
    vouched = VouchedMeshes(meshes)
    orders, shop = vouched.new("orders"), vouched.new("shop")
    ran: list[int] = []

    @orders.endpoint
    async def quote(number: int) -> None:
        ran.append(number)

    await vouched.start(orders, shop)
    revision = await policies.apply(WEB_TO_ORDERS)
    await eventually(lambda: orders.status()["revision"] == shop.status()["revision"] == revision)
    await denied(shop)  # who is called is listened to from here on

    def heard() -> bool:
        with suppress(NobodyToSealTo):
            return sealing(shop).recipient("orders", orders.instance) is not None
        return False

    await eventually(heard)
    took: list[float] = []
    for _ in range(CALLS):
        began = time.monotonic()
        asked = Request("orders.quote", b"\x81\xa6number\x01", id=new_id(), deadline=shop.running.now() + 10.0)
        asked.instance = orders.instance
        with pytest.raises(PermissionDenied) as caught:
            await shop.link.call(asked)
        took.append(time.monotonic() - began)
        assert (caught.value.rule, caught.value.origin, caught.value.executed) == (
            "default",
            Origin.REMOTE,
            Executed.NO,
        )
    print(f"by the callee, told after {sorted(took)[CALLS // 2] * 1000:.1f} ms")
    assert sorted(took)[CALLS // 2] < AT_ONCE
    assert ran == []
