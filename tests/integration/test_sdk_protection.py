"""What protects calls, over a real broker: an outage is not multiplied, and policies change under load unseen."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from crossply import CallError, Mesh
from tests.support.meshes import Meshes
from tests.support.policies import Policies
from tests.support.waiting import eventually

RATE = 200.0
# One document after another, each of which changes the section; the last one leaves it out.
CHANGES: dict[str, list[dict[str, Any]]] = {
    "hedge": [{"hedge": {"after": "5ms"}}, {"hedge": {}}, {"hedge": {"enabled": False}}],
    "breaker": [{"breaker": {}}, {"breaker": {"calls": 50}}, {"breaker": {"enabled": False}}],
    "outlier": [{"outlier": {}}, {"outlier": {"failures": 3}}, {"outlier": {"enabled": False}}],
    "limit": [{"limit": {}}, {"limit": {"in_flight": 5, "queue": 500}}, {"limit": {"enabled": False}}],
    "balance": [{"balance": {"method": name}} for name in ("round_robin", "hash", "queue", "least_latency")],
    "warmup": [{"warmup": {"floor": 1}}, {"warmup": {"duration": "1m"}}],
    "retry": [{"retry": {"attempts": 0}}, {"retry": {"attempts": 3, "budget": {"ratio": 0.1}}}],
    "timeout": [{"timeout": {"total": "2s"}}, {"timeout": {"total": "3s", "attempt": "1s"}}],
    "drain": [{"drain": {"timeout": "5s"}}],
    "idempotent": [{"idempotent": True}, {"idempotent": False}],
}
SPLIT = {"all": {"release": "1"}}
# The same of other kinds; what is left out at the end is the whole document's spec.
OTHER_CHANGES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "sampling": ("Telemetry", [{"sampling": 1}, {"sampling": 0, "slow": "1ms"}, {"log_level": "error"}]),
    "subsets": (
        "Traffic",
        [{"subsets": SPLIT, "failover": ["all"]}, {"subsets": SPLIT, "routes": [{"split": {"all": 1}}]}],
    ),
    "mirror": ("Traffic", [{"routes": [{"mirror": {"to": to}}]} for to in ("nobody", "stock.level", "stock.copy")]),
    "redirect": (
        "Traffic",
        [{"routes": [{"redirect": "stock.copy"}]}, {"routes": [{"match": {"callers": ["x"]}, "redirect": "nobody"}]}],
    ),
    "delay": ("Traffic", [{"routes": [{"fault": {"delay": {"percentage": 50, "duration": "20ms"}}}]}]),
    "route timeout": (
        "Traffic",
        [{"routes": [{"timeout": {"total": "3s"}}]}, {"routes": [{"timeout": {"attempt": "1s"}}]}],
    ),
}


def instance(meshes: Meshes, attempts: Counter[str], *, fails: bool = False) -> Mesh:
    """Return an instance of `stock` that counts its attempts."""
    stock = meshes.new("stock", labels={"release": "1"})

    async def level(number: int) -> int:
        attempts[stock.instance] += 1
        await asyncio.sleep(0.002)
        if fails:
            raise RuntimeError("out of order")
        return number

    stock.endpoint(level, idempotent=True)
    stock.endpoint(level, name="copy", idempotent=True)
    return stock


@asynccontextmanager
async def load(caller: Mesh, rate: float) -> AsyncGenerator[Counter[str]]:
    """Call at a rate while the block runs, and count the outcomes by their codes."""
    outcomes: Counter[str] = Counter()
    calls: set[asyncio.Task[None]] = set()
    going = True

    async def one(number: int) -> None:
        try:
            assert await caller.call("stock.level", {"number": number}, returns=int, key=str(number)) == number
            outcomes["ok"] += 1
        except CallError as error:
            outcomes[str(error.code)] += 1

    async def offering() -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in itertools.count():
            if not going:
                return
            calls.add(asyncio.ensure_future(one(number)))
            await asyncio.sleep(max(0.0, began + (number + 1) / rate - loop.time()))

    offered = asyncio.ensure_future(offering())
    try:
        yield outcomes
    finally:
        going = False
        await offered
        await asyncio.gather(*calls)


@pytest.mark.parametrize("section", CHANGES)
async def test_no_call_fails_because_a_policy_changes(meshes: Meshes, policies: Policies, section: str) -> None:
    await changed_under_load(meshes, policies, "Service", CHANGES[section])


@pytest.mark.parametrize("what", OTHER_CHANGES)
async def test_no_call_fails_because_a_document_of_another_kind_changes(
    meshes: Meshes, policies: Policies, what: str
) -> None:
    await changed_under_load(meshes, policies, *OTHER_CHANGES[what])


async def changed_under_load(meshes: Meshes, policies: Policies, kind: str, specs: list[dict[str, Any]]) -> None:
    """Apply one after another under 200 calls a second, of which none fails."""
    attempts: Counter[str] = Counter()
    instances = [instance(meshes, attempts) for _ in range(3)]
    await meshes.start(*instances)
    caller = await meshes.client()
    await caller.call("stock.level", {"number": 0})
    async with load(caller, RATE) as outcomes:
        for spec in [*specs, {}]:
            before = outcomes.total()
            revision = await policies.apply({"kind": kind, "name": "stock", "spec": spec})
            await eventually(lambda revision=revision: caller.status()["revision"] == revision)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            await eventually(lambda before=before: outcomes.total() > before + 40)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    assert set(outcomes) == {"ok"}
    assert len(attempts) == 3


async def test_an_outage_of_all_instances_is_not_multiplied_by_its_callers(meshes: Meshes, policies: Policies) -> None:
    attempts: Counter[str] = Counter()
    instances = [instance(meshes, attempts, fails=True) for _ in range(3)]
    await meshes.start(*instances)
    caller = await meshes.client()
    await policies.apply({"kind": "Service", "name": "stock", "spec": {"retry": {"attempts": 10, "base": "1ms"}}})
    seconds = 10.0
    async with load(caller, 50.0) as outcomes:
        await asyncio.sleep(seconds)
    assert set(outcomes) == {"internal"}
    assert outcomes.total() >= 20 * seconds
    assert attempts.total() <= 1.3 * outcomes.total() + 10 * seconds


async def test_an_instance_that_keeps_failing_is_left_out_and_its_callers_see_nothing(
    meshes: Meshes, policies: Policies
) -> None:
    attempts: Counter[str] = Counter()
    well = [instance(meshes, attempts) for _ in range(2)]
    broken = instance(meshes, attempts, fails=True)
    await meshes.start(*well, broken)
    await policies.apply({"kind": "Service", "name": "stock", "spec": {"outlier": {}, "breaker": {}}})
    caller = await meshes.client()
    await caller.call("stock.level", {"number": 0})
    async with load(caller, RATE) as outcomes:
        await eventually(lambda: _ejected(caller) == [broken.instance])
        before = attempts[broken.instance]
        await eventually(lambda: attempts.total() > before + 400)
        assert attempts[broken.instance] <= before + 2, "but for what was in flight"
    assert set(outcomes) == {"ok"}


def _ejected(caller: Mesh) -> list[str]:
    said: Any = caller.status()["callees"]
    return [name for each in said["stock"]["outliers"] for name in each["ejected"]] if "stock" in said else []
