"""A rate that the mesh keeps together: two instances, a registry that leases shares, is killed, and comes back."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from crossply import Mesh, RateLimited
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.registry_process import RegistryProcess
from tests.support.waiting import eventually

RATE, BURST = 100.0, 20.0


def orders(meshes: Meshes) -> Mesh:
    mesh = meshes.new("orders")

    @mesh.endpoint
    async def create() -> str:
        return mesh.instance

    return mesh


class Load:
    """Calls faster than the limit allows, at one rate, and counts what is answered."""

    def __init__(self, web: Mesh) -> None:
        self._web = web
        self.answered = self.refused = 0

    async def one(self) -> None:
        try:
            await self._web.call("orders.create", timeout=2.0)
        except RateLimited:
            self.refused += 1
        else:
            self.answered += 1

    async def run(self, seconds: float) -> float:
        """Call about 250 times a second; return the rate that was answered."""
        began, before = time.monotonic(), self.answered
        calls: list[asyncio.Task[None]] = []
        while time.monotonic() < began + seconds:
            calls.append(asyncio.ensure_future(self.one()))
            await asyncio.sleep(0.004)
        await asyncio.gather(*calls)
        return (self.answered - before) / (time.monotonic() - began)


def shares(*instances: Mesh) -> list[float]:
    return [each.running.rates.shared()["together"].share for each in instances]


async def test_two_instances_keep_one_rate_together_although_the_registry_is_killed_midway(
    meshes: Meshes, broker: Broker, tmp_path: Path
) -> None:
    callees = [orders(meshes) for _ in range(2)]
    async with RegistryProcess(tmp_path / "registry", broker.url) as registry:
        await registry.ready()
        await registry.put("orders", {"retry": {"attempts": 0}, "balance": {"method": "queue"}})
        await meshes.start(*callees)
        web = await meshes.client("web")
        spec = {"for": {"service": "orders"}, "rate": RATE, "burst": BURST, "scope": "mesh"}
        put = await registry.api.put(
            "/v1/documents/RateLimit/together", json={"spec": spec}, headers={"If-None-Match": "*"}
        )
        assert put.status_code == 201, put.text
        await eventually(lambda: all("together" in each.running.rates.shared() for each in callees))
        load, began = Load(web), time.monotonic()
        await load.run(4.5)
        assert 0.9 < sum(shares(*callees)) <= 1.0 + 1e-6
        registry.program.kill()
        held = shares(*callees)
        while_away = await load.run(3.0)
        assert shares(*callees) == held
        assert while_away >= 0.7 * RATE
    async with RegistryProcess(tmp_path / "again", broker.url) as registry:
        await registry.ready()
        await load.run(1.5)
    assert sum(shares(*callees)) <= 1.0 + 1e-6
    # Each of the two may have begun with a tenth before it was told its share.
    assert load.answered <= RATE * (time.monotonic() - began) + BURST + 2 + 0.2 * BURST
    assert load.refused > load.answered / 2
