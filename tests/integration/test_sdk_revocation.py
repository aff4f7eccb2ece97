"""A revocation acts at once: receivers hear of it, and what an identity had is replaced or refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crossply import Mesh
from crossply.errors import Unauthenticated
from crossply.identity.member import Member
from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import Closed
from tests.support.waiting import eventually, eventually_awaited


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Closed]:
    out = initialised(tmp_path / "mesh", "orders", "web", "shop")
    with ClosedBroker(out) as broker:
        async with AuthorityProcess(out, tmp_path / "authority", broker.url) as authority:
            await authority.ready()
            yield Closed(broker, authority, out, tmp_path / "state")


async def command(authority: AuthorityProcess, verb: str, service: str) -> None:
    """Do what `crossply identity <verb>` does."""
    headers = {"Authorization": f"Bearer {(authority.out / 'operator' / 'token').read_text().strip()}"}
    answer = await authority.api.post(f"/v1/identities/{service}/{verb}", json={"reason": "test"}, headers=headers)
    assert answer.status_code == 200, answer.text


async def quote(mesh: Mesh) -> int:
    number: int = await mesh.call("orders.quote", {"number": 1}, timeout=5.0)
    return number


def certificate(mesh: Mesh) -> str:
    found = mesh.running.member
    assert isinstance(found, Member)
    return found.issued.certificate


async def test_callees_refuse_a_revoked_caller_and_nobody_else_until_it_is_restored(closed: Closed) -> None:
    shop = Mesh("shop", config=closed.config("shop"))
    async with closed.orders(), closed.web() as web, shop:
        assert (await quote(web), await quote(shop)) == (2, 2)
        await command(closed.authority, "revoke", "web")

        async def refused() -> bool:
            try:
                await quote(web)
            except Unauthenticated as error:
                return "svc/web is revoked" in str(error)
            return False

        await eventually_awaited(refused, 5.0)
        assert await quote(shop) == 2
        await command(closed.authority, "restore", "web")
        await eventually_awaited(lambda: _works(web), 5.0)


async def test_one_that_starts_later_knows_who_is_revoked(closed: Closed) -> None:
    async with closed.web() as web:
        await command(closed.authority, "revoke", "web")
        async with closed.orders():
            with pytest.raises(Unauthenticated):
                await quote(web)


async def test_a_rotated_identity_gets_itself_new_papers_while_its_calls_go_on(closed: Closed) -> None:
    async with closed.orders() as orders, closed.web() as web:
        before = certificate(orders)
        stop = asyncio.Event()

        async def calls() -> None:
            while not stop.is_set():
                assert await quote(web) == 2

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(calls())
            # What is issued in the second of a rotation counts as issued before it.
            await asyncio.sleep(1.0)
            await command(closed.authority, "rotate", "orders")
            await eventually(lambda: certificate(orders) != before, 10.0)
            await asyncio.sleep(2.0)
            stop.set()


async def _works(mesh: Mesh) -> bool:
    try:
        return await quote(mesh) == 2
    except Unauthenticated:
        return False
