"""`Traffic` over a real broker, changed by PUT while calls go on: callers see it at once, and no call suffers by it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from crossply import CallError, Code, Mesh, current
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.registry_process import RegistryProcess
from tests.support.waiting import eventually

SUBSETS = {"v1": {"release": "1"}, "v2": {"release": "2"}}
RATE = 200


@pytest.fixture
async def registry(tmp_path: Path, broker: Broker) -> AsyncIterator[RegistryProcess]:
    async with RegistryProcess(tmp_path / "registry", broker.url) as running:
        yield await running.ready()


class Orders:
    """Instances of two releases; ``served`` counts what each has answered, ``copies`` what came from a mirror."""

    def __init__(self, meshes: Meshes) -> None:
        self.served: Counter[str] = Counter()
        self.copies: Counter[str] = Counter()
        self.meshes = [self._instance(meshes, release) for release in ("1", "1", "2")]

    def _instance(self, meshes: Meshes, release: str) -> Mesh:
        mesh = meshes.new("orders", labels={"release": release})

        @mesh.endpoint(idempotent=True)
        async def quote() -> str:
            (self.copies if "crossply-mirror-of" in current().metadata else self.served)[release] += 1
            return release

        return mesh


async def put(registry: RegistryProcess, spec: dict[str, Any]) -> None:
    """Create or change `Traffic/orders`; return when it is accepted."""
    path = "/v1/documents/Traffic/orders"
    known = await registry.api.get(path)
    headers = {"If-Match": known.headers["etag"]} if known.is_success else {"If-None-Match": "*"}
    answer = await registry.api.put(path, json={"spec": spec}, headers=headers)
    assert answer.is_success, answer.text


class Load:
    """Calls `orders.quote` 200 times a second; notes when each was begun, how long it took, and how it ended."""

    def __init__(self, web: Mesh) -> None:
        self._web = web
        self._tasks: set[asyncio.Task[None]] = set()
        self.going = True
        self.ended: list[tuple[float, float, str]] = []

    async def run(self, seconds: float) -> None:
        """Call for so long, or while it is going, and wait for the last answer."""
        began = time.monotonic()
        for number in range(round(seconds * RATE)):
            if not self.going:
                break
            await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
            task = asyncio.create_task(self._call())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    async def _call(self) -> None:
        began = time.monotonic()
        try:
            said = await self._web.call("orders.quote", returns=str)
        except CallError as error:
            said = str(error.code)
        self.ended.append((began, time.monotonic() - began, said))

    def since(self, moment: float) -> list[tuple[float, str]]:
        """Return length and outcome of the calls begun after a moment."""
        return [(took, said) for began, took, said in self.ended if began >= moment]


async def test_weights_changed_under_load_fail_no_call(registry: RegistryProcess, meshes: Meshes) -> None:
    orders, web = Orders(meshes), meshes.new("web")
    await meshes.start(*orders.meshes, web)
    await put(registry, {"subsets": SUBSETS, "routes": [{"split": {"v1": 100, "v2": 0}}]})
    load = Load(web)
    running = asyncio.create_task(load.run(60.0))
    changed = time.monotonic()
    for number in range(20):
        await asyncio.sleep(0.2)
        split = {"v1": 100 - 5 * number, "v2": 5 * number}
        await put(
            registry, {"subsets": SUBSETS, "routes": [{"split": split}], "failover": ["v1", "v2"][: 1 + number % 2]}
        )
        changed = time.monotonic()
    await asyncio.sleep(1.0)  # on a busy machine the changes take as long as they take
    load.going = False
    await running
    assert Counter(said for _, _, said in load.ended).keys() <= {"1", "2"}, "no call failed"
    assert len(load.ended) >= 4 * RATE
    last = Counter(said for _, said in load.since(changed + 0.2))
    assert last["2"] / last.total() == pytest.approx(0.95, abs=0.06)


async def test_a_fault_is_seen_within_a_second_and_is_gone_within_a_second(
    registry: RegistryProcess, meshes: Meshes
) -> None:
    orders, web = Orders(meshes), meshes.new("web")
    await meshes.start(*orders.meshes, web)
    fault = {
        "abort": {"percentage": 10, "code": "aborted"},
        "delay": {"percentage": 10, "duration": "100ms"},
    }
    load = Load(web)
    running = asyncio.create_task(load.run(6.0))
    await asyncio.sleep(1.0)
    await put(registry, {"routes": [{"fault": fault}]})
    switched_on = time.monotonic()
    await asyncio.sleep(3.0)
    await put(registry, {})
    switched_off = time.monotonic()
    await running
    during = [(took, said) for began, took, said in load.ended if switched_on + 1.0 <= began < switched_off]
    after = load.since(switched_off + 1.0)
    aborted = [said for _, said in during if said == str(Code.ABORTED)]
    held_back = [took for took, _ in during if took >= 0.1]
    assert 0.03 <= len(aborted) / len(during) <= 0.2
    assert 0.03 <= len(held_back) / len(during) <= 0.25
    assert len(after) > RATE / 2
    assert {said for _, said in after} <= {"1", "2"}
    before = [said for began, _, said in load.ended if began < switched_on - 0.5]
    assert set(before) <= {"1", "2"}


async def test_copies_reach_the_next_release_and_calls_do_not(registry: RegistryProcess, meshes: Meshes) -> None:
    orders, web = Orders(meshes), meshes.new("web")
    await meshes.start(*orders.meshes, web)
    await put(
        registry, {"subsets": SUBSETS, "routes": [{"split": {"v1": 1}, "mirror": {"subset": "v2", "percentage": 100}}]}
    )
    await eventually(lambda: web.status()["revision"] == 1)
    for _ in range(100):
        assert await web.call("orders.quote") == "1"
    await eventually(lambda: orders.copies["2"] == 100)
    assert (orders.served, orders.copies) == ({"1": 100}, {"2": 100})


async def test_a_subset_whose_instances_leave_is_stood_in_for_until_they_are_back(
    registry: RegistryProcess, meshes: Meshes
) -> None:
    orders, web = Orders(meshes), meshes.new("web")
    await meshes.start(*orders.meshes, web)
    await put(registry, {"subsets": SUBSETS, "failover": ["v2", "v1"]})
    await eventually(lambda: web.status()["revision"] == 1)
    await web.call("orders.quote")
    # Until an instance is known its subset has nobody; on a busy machine a hello may take its time.
    await eventually(lambda: len(web.running.catalog.callee("orders").instances) == len(orders.meshes))
    assert {await web.call("orders.quote") for _ in range(20)} == {"2"}
    await orders.meshes[2].withdraw()
    assert {await web.call("orders.quote") for _ in range(20)} == {"1"}
    await orders.meshes[2].rejoin()

    async def back() -> bool:
        return bool(await web.call("orders.quote") == "2")

    for _ in range(100):
        if await back():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("calls did not come back to the first of the list")
