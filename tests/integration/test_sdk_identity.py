"""Services that join an authority and speak over a broker that takes nobody without a certificate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from crossply import Mesh
from crossply.config import MeshConfig
from crossply.errors import CallError, ConfigError, Origin, PermissionDenied, Unavailable
from crossply.handler import Request
from crossply.identity.asking import asking
from crossply.identity.member import Member
from crossply.names import new_id
from tests.support.authority_process import AuthorityProcess, CalloutProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed
from tests.support.waiting import eventually


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return initialised(tmp_path / "mesh", "orders", "web")


@pytest.fixture
def closed_broker(out: Path) -> Iterator[ClosedBroker]:
    with ClosedBroker(out) as running:
        yield running


@pytest.fixture
async def closed(closed_broker: ClosedBroker, out: Path, tmp_path: Path) -> AsyncIterator[Closed]:
    async with AuthorityProcess(out, tmp_path / "authority", closed_broker.url) as authority:
        await authority.ready()
        yield Closed(closed_broker, authority, out, tmp_path / "state")


@pytest.fixture
async def open_to_web(closed: Closed) -> Closed:
    """Return a mesh in which web may call orders, and which has no registry."""
    async with closed.policies() as policies:
        await policies.apply(WEB_TO_ORDERS)
    return closed


def member(mesh: Mesh) -> Member:
    """Return who a mesh is."""
    found = mesh.running.member
    assert isinstance(found, Member)
    return found


async def renewed(mesh: Mesh) -> None:
    """Have a mesh renew now, as it does at half of its life."""
    assert await member(mesh).renew(asking(mesh.running.routes.outbound, mesh.running.now))


async def test_services_join_with_their_tokens_and_call_each_other(open_to_web: Closed) -> None:
    async with open_to_web.orders() as orders, open_to_web.web() as web:
        assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2
        assert member(orders).issued.identity == "spiffe://mesh.local/t/default/svc/orders"
        assert member(orders).registry_key


async def test_a_member_that_no_document_lets_in_reaches_nothing_and_is_told_at_once(closed: Closed) -> None:
    async with closed.orders() as orders, closed.web() as web:
        began = web.running.now()
        with pytest.raises(PermissionDenied) as caught:
            await web.call("orders.quote", {"number": 1}, timeout=5.0)
        assert caught.value.rule == "default"
        with pytest.raises(PermissionDenied) as broker:
            await web.link.call(Request("orders.quote", b"\x80", id=new_id(), deadline=began + 5.0))
        assert (broker.value.rule, broker.value.origin) == ("broker", Origin.WIRE)
        assert web.running.now() - began < 4.0, "it was told by waiting"
        await renewed(orders)


async def test_without_a_certificate_there_is_no_connection(closed: Closed) -> None:
    for url in (closed.broker.url, closed.broker.url.replace("tls://", "nats://")):
        with pytest.raises(Unavailable):
            async with Mesh("web", config=MeshConfig(nats=(url,), connect_timeout=1.0)):
                raise AssertionError("it connected")


async def test_a_certificate_of_another_mesh_is_refused(closed: Closed, tmp_path: Path) -> None:
    foreign = initialised(tmp_path / "foreign", "web")
    async with AuthorityProcess(foreign, tmp_path / "foreign-authority", closed.broker.url) as other:
        await asyncio.sleep(1.0)
        assert other.program.code != 0, "an authority of another root has connected"
    with pytest.raises(Unavailable):
        async with closed.web(authority_ca=foreign / "authority" / "ca.pem"):
            raise AssertionError("it joined an authority of another root")


async def test_a_token_of_another_service_ends_the_start_with_the_reason(closed: Closed) -> None:
    token = closed.out / "services" / "web" / "token"
    with pytest.raises(ConfigError, match="is for web, not for orders"):
        async with closed.orders(token_file=token):
            raise AssertionError("it joined")


async def test_renewals_under_traffic_fail_no_call_and_leave_no_moment_without_a_connection(
    open_to_web: Closed,
) -> None:
    async with open_to_web.orders() as orders, open_to_web.web() as web:
        first = {member(each).issued.certificate for each in (orders, web)}
        stop = asyncio.Event()
        made = 0

        async def calls() -> None:
            nonlocal made
            while not stop.is_set():
                assert await web.call("orders.quote", {"number": made}, timeout=5.0) >= 1
                assert web.link.connected
                assert orders.link.connected
                made += 1

        async with asyncio.TaskGroup() as tasks:
            for _ in range(8):
                tasks.create_task(calls())
            for _ in range(2):
                await renewed(orders)
                await renewed(web)
                await asyncio.sleep(2.0)
            stop.set()
        last = {member(each).issued.certificate for each in (orders, web)}
        assert not first & last
        assert made > 100


async def test_policy_signed_by_the_key_that_the_root_vouches_for_is_in_force(closed: Closed, tmp_path: Path) -> None:
    async with closed.registry(tmp_path / "registry") as running, AsyncExitStack() as stack:
        await running.ready()
        await running.allow(WEB_TO_ORDERS)
        orders, web = [await stack.enter_async_context(each) for each in (closed.orders(), closed.web())]
        answer = await running.put("orders", {"timeout": {"total": 2}})
        assert answer.status_code == 201
        revision = answer.json()["revision"]
        await eventually(lambda: [each.status()["revision"] for each in (orders, web)] == [revision, revision])
        assert await web.call("orders.quote", {"number": 1}) == 2


async def test_policy_signed_by_a_key_that_the_root_does_not_vouch_for_is_refused(
    closed: Closed, tmp_path: Path
) -> None:
    seed = tmp_path / "seed"
    seed.write_text("11" * 32)
    async with closed.registry(tmp_path / "registry", CROSSPLY_SIGNING_KEY=str(seed)) as running:
        await running.ready()
        await running.put("orders", {"timeout": {"total": 2}})
        async with closed.orders() as orders:
            await asyncio.sleep(1.0)
            assert orders.status()["revision"] == 0


async def test_a_service_restarts_with_its_kept_identity_while_every_authority_is_down_and_opens_what_it_gets(
    open_to_web: Closed, tmp_path: Path
) -> None:
    closed = open_to_web
    async with closed.orders() as orders:
        instance = orders.instance
    async with CalloutProcess(closed.out, tmp_path / "callout", closed.broker.url) as callout, closed.web() as web:
        await callout.ready()
        closed.authority.program.kill()
        async with closed.orders() as again:
            assert again.instance == instance
            assert again.link.connected
            assert await web.call("orders.quote", {"number": 1}, timeout=5.0) == 2
    with pytest.raises(Unavailable, match="does not answer"):
        async with closed.web(state=None):
            raise AssertionError("it had no identity")


async def test_a_revoked_identity_is_not_renewed_and_does_not_join_again(closed: Closed) -> None:
    async with closed.orders() as orders:
        headers = {"Authorization": f"Bearer {(closed.out / 'operator' / 'token').read_text().strip()}"}
        answer = await closed.authority.api.post("/v1/identities/orders/revoke", json={}, headers=headers)
        assert answer.status_code == 200
        with pytest.raises(CallError, match="is revoked"):
            await asking(orders.running.routes.outbound, orders.running.now)(await _renewal(orders))
    with pytest.raises(ConfigError, match="is revoked"):
        async with closed.orders():
            raise AssertionError("it joined")


async def _renewal(mesh: Mesh) -> bytes:
    """Return what a mesh would send to renew."""
    sent: list[bytes] = []

    async def ask(raw: bytes) -> bytes:
        sent.append(raw)
        raise Unavailable("only looked at")

    await member(mesh).renew(ask)
    return sent[0]
