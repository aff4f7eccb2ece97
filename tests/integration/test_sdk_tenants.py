"""Tenants beside each other at one broker: added while calls go on, and none sees another."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from crossply import Mesh
from crossply.config import MeshConfig
from crossply.errors import CallError, ConfigError, Unavailable
from crossply_registry.authority.bootstrap.tenants import add_tenant
from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed


def configured(closed: Closed, tenant: str, service: str) -> MeshConfig:
    folder = closed.out / "services" / service
    return MeshConfig(
        nats=(closed.broker.url,), authority=closed.authority.url, tenant=tenant, connect_timeout=5.0,
        authority_ca=folder / "ca.pem", token_file=folder / "token",
    )  # fmt: skip


def orders(closed: Closed, tenant: str) -> Mesh:
    mesh = Mesh("orders", config=configured(closed, tenant, "orders"))

    @mesh.endpoint()
    async def quote() -> str:
        return tenant

    return mesh


class Calls:
    """Calls, one after another."""

    def __init__(self, web: Mesh) -> None:
        self._web = web
        self.made = 0

    async def forever(self) -> None:
        while True:
            assert await self._web.call("orders.quote", timeout=5.0) == "default"
            self.made += 1


async def test_a_tenant_is_added_under_load_without_a_failed_call_and_neither_sees_the_other(tmp_path: Path) -> None:
    out = initialised(tmp_path / "mesh", "orders", "web")
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(ClosedBroker(out))
        first = await _mesh(stack, broker, out, tmp_path / "first", "default")
        serving = await stack.enter_async_context(orders(first, "default"))
        web = await stack.enter_async_context(Mesh("web", config=configured(first, "default", "web")))
        calls, lost = Calls(web), list[object]()
        for each in (serving, web):
            each.link.on_event(lost.append)
        load = [asyncio.create_task(calls.forever()) for _ in range(4)]
        written = await asyncio.to_thread(add_tenant, out, "acme", ("orders", "web"), environ={})
        assert "broker/accounts.conf" in written
        broker.reload()
        second = await _mesh(stack, broker, out / "tenants" / "acme", tmp_path / "second", "acme")
        other = await stack.enter_async_context(Mesh("web", config=configured(second, "acme", "web")))
        with pytest.raises(CallError):
            await other.call("orders.quote", timeout=2.0)
        await stack.enter_async_context(orders(second, "acme"))
        # A service that nobody knew is not asked for again for a second.
        await asyncio.sleep(1.2)
        assert {await other.call("orders.quote", timeout=5.0) for _ in range(50)} == {"acme"}
        assert not [each for each in load if each.done()], "a call failed"
        for task in load:
            task.cancel()
        assert calls.made > 100
        assert not lost


async def test_a_token_of_one_tenant_is_no_proof_to_another(tmp_path: Path) -> None:
    out = initialised(tmp_path / "mesh", "web")
    add_tenant(out, "acme", ("web",), environ={})
    async with AsyncExitStack() as stack:
        broker = stack.enter_context(ClosedBroker(out))
        first = await _mesh(stack, broker, out, tmp_path / "first", "default")
        with pytest.raises(Unavailable, match=r"its certificate is not that of spiffe://mesh.local/t/acme/"):
            await stack.enter_async_context(Mesh("web", config=configured(first, "acme", "web")))
        theirs = configured(first, "default", "web")
        token = out / "tenants" / "acme" / "services" / "web" / "token"
        with pytest.raises(ConfigError, match="token is not one that is valid"):
            await stack.enter_async_context(Mesh("web", config=replace(theirs, token_file=token)))


async def _mesh(stack: AsyncExitStack, broker: ClosedBroker, out: Path, folder: Path, tenant: str) -> Closed:
    """Start a tenant's authority, and allow web to call orders."""
    made = Closed(broker, await _authority(stack, out, folder, broker.url, tenant), out, folder)
    async with made.policies(tenant) as policies:
        await policies.apply(WEB_TO_ORDERS)
    return made


async def _authority(stack: AsyncExitStack, out: Path, folder: Path, nats: str, tenant: str) -> AuthorityProcess:
    made = AuthorityProcess(out, folder, nats, CROSSPLY_TENANT=tenant)
    await stack.enter_async_context(made)
    return await made.ready()
