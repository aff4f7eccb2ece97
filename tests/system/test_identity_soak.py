"""Lifetimes scaled 1:720 under traffic: whoever is away meanwhile, no call fails and nobody is ever unconnected."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crossply import Mesh
from crossply.identity.member import Member
from tests.support.authority_process import AuthorityProcess, CalloutProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed
from tests.support.registry_process import RegistryProcess

LIFETIME = "120"
LASTS = 200.0
# After everybody's first renewal, at 72 s at the latest: what was renewed then lasts until they are back.
DOWN_FROM, DOWN_FOR = 75.0, 60.0
CALLERS, CALLS_A_SECOND = 24, 100


@dataclass
class Soak:
    """What runs, what was done and what was seen."""

    folder: Path
    out: Path
    broker: ClosedBroker
    stack: AsyncExitStack
    members: list[Mesh] = field(default_factory=list[Mesh])
    until: float = 0.0
    calls: int = 0
    renewals: int = 0
    unconnected: int = 0

    async def authority(self, name: str) -> AuthorityProcess:
        directory = self.folder / name
        made = AuthorityProcess(self.out, directory, self.broker.url, CROSSPLY_CREDENTIAL_LIFETIME=LIFETIME)
        await self.stack.enter_async_context(made)
        return await made.ready()

    async def member(self, mesh: Mesh) -> Mesh:
        self.members.append(await self.stack.enter_async_context(mesh))
        return mesh

    async def traffic(self, caller: Mesh) -> None:
        while time.monotonic() < self.until:
            assert await caller.call("orders.quote", {"number": self.calls}, timeout=5.0) > 0
            self.calls += 1
            await asyncio.sleep(CALLERS / CALLS_A_SECOND)

    async def watch(self) -> None:
        seen = {each.instance: certificate(each) for each in self.members}
        while time.monotonic() < self.until:
            for each in self.members:
                self.unconnected += not each.link.connected
                if seen[each.instance] != certificate(each):
                    seen[each.instance] = certificate(each)
                    self.renewals += 1
            await asyncio.sleep(0.05)

    async def everybody_away(
        self, closed: Closed, kept: Mesh, authorities: list[AuthorityProcess], registry: RegistryProcess
    ) -> None:
        await asyncio.sleep(DOWN_FROM)
        for each in authorities:
            each.program.kill()
        registry.program.kill()
        instance = kept.instance
        await kept.stop()
        again = await self.stack.enter_async_context(closed.orders())
        assert again.instance == instance
        await asyncio.sleep(DOWN_FOR)
        await self.authority("authority-3")


def certificate(mesh: Mesh) -> str:
    held = mesh.running.member
    assert isinstance(held, Member)
    return held.issued.certificate


@pytest.mark.soak
@pytest.mark.timeout(420)
async def test_three_minutes_of_renewals_fail_no_call(tmp_path: Path) -> None:
    out = initialised(tmp_path / "mesh", "orders", "web")
    async with AsyncExitStack() as stack:
        soak = Soak(tmp_path, out, stack.enter_context(ClosedBroker(out)), stack)
        # What answers the broker goes on while nothing issues: who has an identity connects.
        callout = await stack.enter_async_context(CalloutProcess(out, tmp_path / "callout", soak.broker.url))
        authorities = [await soak.authority(f"authority-{number}") for number in (1, 2)]
        await callout.ready()
        closed = Closed(soak.broker, authorities[0], out, tmp_path / "state")
        registry = await stack.enter_async_context(closed.registry(tmp_path / "registry"))
        await registry.ready()
        await registry.allow(WEB_TO_ORDERS)
        for _ in range(2):
            await soak.member(closed.orders(state=None))
        callers = [await soak.member(closed.web(state=None)) for _ in range(CALLERS)]
        kept = closed.orders()
        await kept.start()

        soak.until = time.monotonic() + LASTS
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(soak.watch())
            tasks.create_task(soak.everybody_away(closed, kept, authorities, registry))
            for each in callers:
                tasks.create_task(soak.traffic(each))
        print(f"{soak.calls} calls, {soak.renewals} renewals, unconnected {soak.unconnected} times")
        assert soak.renewals >= 50
        assert soak.unconnected == 0
