"""Kept replies over a real broker: one run for a key, found wherever the repetition arrives."""

from __future__ import annotations

import asyncio

import pytest

from crossply import CallError, Mesh
from crossply.errors import Code, EndpointFailed
from crossply.wire.plans import RepliesPlan
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.provider import Provider


def orders(meshes: Meshes, runs: list[str]) -> Mesh:
    """Return a service that notes each run of its endpoint."""
    mesh = meshes.new("orders")

    @mesh.endpoint(idempotency="kv")
    async def create(sku: str) -> str:
        runs.append(mesh.instance)
        await asyncio.sleep(0.05)
        if sku == "none":
            raise EndpointFailed("no such thing", code=Code.ABORTED)
        return f"{sku} at {mesh.instance}"

    return mesh


@pytest.mark.usefixtures("provider")
async def test_of_many_calls_with_one_key_at_three_instances_one_runs(meshes: Meshes) -> None:
    runs: list[str] = []
    await meshes.start(*(orders(meshes, runs) for _ in range(3)))
    web = await meshes.client("web")
    calls = [web.call("orders.create", {"sku": "a"}, idempotency_key="k", returns=str) for _ in range(30)]
    answers = await asyncio.gather(*calls)
    assert answers == [f"a at {runs[0]}"] * 30
    assert len(runs) == 1


@pytest.mark.usefixtures("provider")
async def test_when_the_first_instance_has_left_another_answers_with_its_reply(meshes: Meshes) -> None:
    runs: list[str] = []
    first = orders(meshes, runs)
    await meshes.start(first)
    web = await meshes.client("web")
    answer = await web.call("orders.create", {"sku": "a"}, idempotency_key="k", returns=str)
    await meshes.start(orders(meshes, runs))
    await first.stop()
    assert await web.call("orders.create", {"sku": "a"}, idempotency_key="k", returns=str) == answer
    for sku in ("none", "none"):
        with pytest.raises(EndpointFailed, match="no such thing"):
            await web.call("orders.create", {"sku": sku}, idempotency_key="other")
    with pytest.raises(CallError, match="came with another body before") as caught:
        await web.call("orders.create", {"sku": "b"}, idempotency_key="k")
    assert (caught.value.code, caught.value.executed.value) == (Code.FAILED_PRECONDITION, "no")
    assert len(runs) == 2


async def test_without_the_bucket_nothing_runs_and_when_it_is_made_all_is_well(meshes: Meshes, broker: Broker) -> None:
    runs: list[str] = []
    await meshes.start(orders(meshes, runs))
    web = await meshes.client("web")
    with pytest.raises(CallError, match="whether it ran before cannot be told") as caught:
        await web.call("orders.create", {"sku": "a"}, idempotency_key="k", timeout=0.5)
    assert caught.value.code is Code.UNAVAILABLE
    assert not runs
    async with Provider(broker) as provider:
        await provider.link.streams.ensure_replies(RepliesPlan(service="orders"))
        assert await web.call("orders.create", {"sku": "a"}, idempotency_key="k", returns=str)
