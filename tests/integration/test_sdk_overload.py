"""More calls than two processes can answer: they answer most of what they can in time, and recover."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crossply import CallError, Mesh
from tests.integration.test_sdk_instances import knows, workers
from tests.support.broker import Broker
from tests.support.meshes import Meshes

CALLEES, CAPACITY = 2, 200.0
WITHIN = 1.0


class Offered:
    """Calls at a steady rate, whether or not they are answered; latencies of those that were, in seconds."""

    def __init__(self, caller: Mesh) -> None:
        self._caller = caller
        self._loop = asyncio.get_running_loop()
        self.took: list[float] = []
        self.failed: dict[str, int] = {}

    async def one(self) -> None:
        began = self._loop.time()
        try:
            await self._caller.call("worker.scarce", timeout=WITHIN, returns=str)
        except CallError as error:
            self.failed[str(error.code)] = self.failed.get(str(error.code), 0) + 1
        else:
            self.took.append(self._loop.time() - began)

    async def run(self, rate: float, seconds: float) -> Offered:
        began, made = self._loop.time(), 0
        calls: set[asyncio.Task[None]] = set()
        while (passed := self._loop.time() - began) < seconds:
            while made < passed * rate:
                calls.add(asyncio.ensure_future(self.one()))
                made += 1
            await asyncio.sleep(0.002)
        await asyncio.gather(*calls)
        return self

    @property
    def p99(self) -> float:
        return sorted(self.took)[int(0.99 * (len(self.took) - 1))]


@pytest.mark.soak
@pytest.mark.timeout(120)
async def test_under_two_and_a_half_times_the_load_most_of_the_capacity_is_answered_in_time(
    broker: Broker, meshes: Meshes, tmp_path: Path
) -> None:
    caller = await meshes.client()
    async with workers(broker, tmp_path, CALLEES) as running:
        await knows(caller, {instance for instance, _ in running})
        before = await Offered(caller).run(100.0, 3.0)
        assert not before.failed
        during = await Offered(caller).run(1000.0, 10.0)
        print({"answered": len(during.took), "failed": during.failed, "p99": during.p99})
        assert len(during.took) >= 0.7 * CALLEES * CAPACITY * 10.0
        after = await Offered(caller).run(100.0, 5.0)
        print({"before": before.p99, "after": after.p99, "failed": after.failed})
        assert after.p99 <= 2 * before.p99
