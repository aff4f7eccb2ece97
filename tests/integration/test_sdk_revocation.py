"""A revocation acts at once: connections end, new ones are refused, receivers hear of it, and papers are replaced."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from crossply import Mesh
from crossply.config import MeshConfig
from crossply.errors import CallError, Unauthenticated, Unavailable
from crossply.identity.member import Member
from crossply.wire import connect
from crossply.wire.link import Link, LinkConfig
from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.closed_cluster import ClosedCluster
from tests.support.closed_mesh import Closed, access, closed_mesh
from tests.support.waiting import eventually, eventually_awaited

WITHIN = 1.0
LAG = 2.0
"""What a machine that does much else adds to a promise of one second."""


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Closed]:
    async with closed_mesh(
        tmp_path, ("orders", "web", "shop"), access("to-orders", ["web", "shop"], {"service": "orders"})
    ) as made:
        yield made


async def command(authority: AuthorityProcess, verb: str, service: str) -> None:
    """Do what `crossply identity <verb>` does."""
    headers = {"Authorization": f"Bearer {(authority.out / 'operator' / 'token').read_text().strip()}"}
    answer = await authority.api.post(f"/v1/identities/{service}/{verb}", json={"reason": "test"}, headers=headers)
    assert answer.status_code == 200, answer.text


async def quote(mesh: Mesh) -> int:
    number: int = await mesh.call("orders.quote", {"number": 1}, timeout=5.0)
    return number


async def works(mesh: Mesh) -> bool:
    try:
        return await quote(mesh) == 2
    except CallError:
        return False


def member(mesh: Mesh) -> Member:
    found = mesh.running.member
    assert isinstance(found, Member)
    return found


async def by_hand(closed: Closed, mesh: Mesh, url: str = "") -> Link:
    """Connect with a service's present certificate, as whoever has stolen it would."""
    return await connect(
        LinkConfig(
            servers=(url or closed.broker.url,), service=mesh.service, instance=mesh.instance, tls=member(mesh).tls,
            connect_timeout=1.0, reconnect=False,
        )
    )  # fmt: skip


async def test_a_revoked_identitys_connections_end_and_new_ones_are_refused(closed: Closed) -> None:
    async with closed.orders(), closed.web() as web, Mesh("shop", config=closed.config("shop")) as shop:
        assert (await quote(web), await quote(shop)) == (2, 2)
        stolen = await by_hand(closed, web)
        began = time.monotonic()
        await command(closed.authority, "revoke", "web")
        await eventually(lambda: not web.link.connected and not stolen.connected, WITHIN + LAG)
        print(f"revoked to disconnected: {time.monotonic() - began:.3f} s")
        with pytest.raises(Unavailable):
            await by_hand(closed, web)
        assert await quote(shop) == 2
        await command(closed.authority, "restore", "web")
        await eventually_awaited(lambda: works(web), 15.0)


async def test_a_callee_refuses_a_revoked_caller_whatever_the_broker_let_through(closed: Closed) -> None:
    async with closed.orders() as orders, closed.web() as web:
        assert await quote(web) == 2
        inbound = cast("Any", orders.running)._inbound
        identity = member(web).issued.identity
        await command(closed.authority, "revoke", "shop")
        await eventually(lambda: inbound._barred == {identity.replace("svc/web", "svc/shop")}, WITHIN + LAG)
        inbound.bar(frozenset({identity}))
        with pytest.raises(Unauthenticated, match="svc/web is revoked"):
            await quote(web)


async def test_a_callee_that_starts_later_knows_who_is_revoked(closed: Closed) -> None:
    await command(closed.authority, "revoke", "web")
    async with closed.orders() as orders:
        assert len(cast("Any", orders.running)._inbound._barred) == 1


async def test_a_rotated_identity_gets_itself_new_papers_while_its_calls_go_on(closed: Closed) -> None:
    async with closed.orders() as orders, closed.web() as web:
        before = member(orders).issued.certificate
        stolen = await by_hand(closed, orders)
        stop, made = asyncio.Event(), 0

        async def calls() -> None:
            nonlocal made
            while not stop.is_set():
                assert await quote(web) == 2
                made += 1

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(calls())
            await command(closed.authority, "rotate", "orders")
            await eventually(lambda: member(orders).issued.certificate != before, 10.0)
            # Who does not move by itself is ended after the time to move.
            await eventually(lambda: not stolen.connected, 10.0)
            stop.set()
        assert made > 20


async def test_one_that_did_not_hear_that_it_was_rotated_joins_again_when_brokers_refuse_it(closed: Closed) -> None:
    async with closed.orders(), closed.web() as web:
        cast("Any", web.running)._standing._feed._take = str
        before = member(web).issued.certificate
        await command(closed.authority, "rotate", "web")
        await eventually(lambda: member(web).issued.certificate != before, 15.0)
        await eventually_awaited(lambda: works(web), 15.0)


async def test_any_replica_takes_the_command_and_connections_end_at_every_broker(tmp_path: Path) -> None:
    out = initialised(tmp_path / "mesh", "orders", "web")
    with ClosedCluster(out) as brokers:
        async with AsyncExitStack() as stack:
            one, other = [
                await stack.enter_async_context(
                    AuthorityProcess(out, tmp_path / f"authority-{each}", brokers.url(each))
                )
                for each in (0, 1)
            ]
            await one.ready()
            await other.ready()

            def config(service: str, broker: int) -> MeshConfig:
                return MeshConfig(
                    nats=(brokers.url(broker),), authority=one.url, connect_timeout=5.0,
                    authority_ca=out / "services" / service / "ca.pem",
                    token_file=out / "services" / service / "token",
                )  # fmt: skip

            here, there = Mesh("web", config=config("web", 0)), Mesh("web", config=config("web", 1))
            orders = await stack.enter_async_context(Mesh("orders", config=config("orders", 1)))
            for each in (here, there):
                await stack.enter_async_context(each)
            began = time.monotonic()
            await command(other, "revoke", "web")
            await eventually(lambda: not here.link.connected and not there.link.connected, WITHIN + LAG)
            print(f"revoked to disconnected, two brokers: {time.monotonic() - began:.3f} s")
            assert orders.link.connected
            await asyncio.sleep(1.0)
            assert not here.link.connected
            assert not there.link.connected
