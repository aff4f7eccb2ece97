"""Kept replies in a mesh: declared by the endpoint, found at another instance, in memory as over a broker."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import ConfigError
from crossply.mesh import Mesh
from crossply.testing import MemoryBroker
from tests.unit.sdk.stage import mesh


def orders(broker: MemoryBroker, runs: list[str]) -> Mesh:
    """Return a service whose endpoint notes the instance that it runs at."""
    made = mesh(broker, "orders")

    @made.endpoint(idempotency="kv")
    async def create(sku: str) -> str:
        runs.append(made.instance)
        await asyncio.sleep(0.2)
        return f"{sku} at {made.instance}"

    return made


async def test_a_call_that_is_repeated_with_its_key_is_answered_with_the_first_reply(broker: MemoryBroker) -> None:
    runs: list[str] = []
    async with orders(broker, runs), orders(broker, runs), mesh(broker, "web") as web:
        answers = [
            await web.call("orders.create", {"sku": "a"}, idempotency_key="order-1", returns=str) for _ in range(10)
        ]
    assert len(set(answers)) == len(runs) == 1


async def test_an_endpoint_declared_without_a_decorator_keeps_its_replies_as_well(broker: MemoryBroker) -> None:
    runs: list[str] = []
    orders = mesh(broker, "orders")

    async def create(sku: str) -> None:
        runs.append(sku)

    orders.endpoint(create, name="make", idempotency="kv")
    async with orders, mesh(broker, "web") as web:
        for _ in range(3):
            await web.call("orders.make", {"sku": "a"}, idempotency_key="k")
    assert runs == ["a"]


async def test_without_a_key_each_call_runs(broker: MemoryBroker) -> None:
    runs: list[str] = []
    async with orders(broker, runs), mesh(broker, "web") as web:
        for _ in range(3):
            await web.call("orders.create", {"sku": "a"})
    assert len(runs) == 3


async def test_callers_learn_that_they_may_try_again(broker: MemoryBroker) -> None:
    async with orders(broker, []), mesh(broker, "web") as web:
        await web.call("orders.create", {"sku": "a"})
        assert web.running.catalog.callee("orders").facts["create"].idempotent


async def test_what_the_first_instance_answered_is_found_when_it_has_left(broker: MemoryBroker) -> None:
    runs: list[str] = []
    first = orders(broker, runs)
    async with first, mesh(broker, "web") as web:
        answer = await web.call("orders.create", {"sku": "a"}, idempotency_key="k", returns=str)
        async with orders(broker, runs):
            await first.stop()
            assert await web.call("orders.create", {"sku": "a"}, idempotency_key="k", returns=str) == answer
    assert len(runs) == 1


def test_another_word_than_kv_is_a_mistake_in_the_program() -> None:
    with pytest.raises(ConfigError, match='write "kv"'):
        Mesh("orders").endpoint(idempotency="redis")(nothing)


async def nothing() -> None: ...
