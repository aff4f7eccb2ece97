"""Deadlines over hops: each sees less than the one before, and none runs when there is nothing left."""

from __future__ import annotations

import asyncio

import pytest

from crossply.context import current
from crossply.errors import CallError, Code, DeadlineExceeded, Executed
from crossply.mesh import Mesh
from crossply.testing import MemoryBroker
from tests.unit.sdk.stage import mesh


def chain(broker: MemoryBroker, left: dict[str, float]) -> list[Mesh]:
    """Return three services, each of which works for 0.1 s and calls the next; ``left`` is what each has of time."""
    services = [mesh(broker, name) for name in ("first", "second", "third")]
    for service, following in zip(services, ("second.run", "third.run", None), strict=True):
        serve(service, following, left)
    return services


def serve(service: Mesh, following: str | None, left: dict[str, float]) -> None:
    @service.endpoint
    async def run() -> None:
        left[service.service] = current().remaining()
        await asyncio.sleep(0.1)
        if following is not None:
            await service.call(following, timeout=60.0)


async def test_over_three_hops_each_has_less_by_what_was_used_before_it(broker: MemoryBroker) -> None:
    left: dict[str, float] = {}
    first, second, third = chain(broker, left)
    async with first, second, third, mesh(broker, "web") as web:
        await web.call("first.run", timeout=1.0)
    assert [round(left[name], 3) for name in ("first", "second", "third")] == pytest.approx([1.0, 0.9, 0.8], abs=0.002)


async def test_a_hop_that_nothing_is_left_for_does_not_run(broker: MemoryBroker) -> None:
    left: dict[str, float] = {}
    first, second, third = chain(broker, left)
    async with first, second, third, mesh(broker, "web") as web:
        with pytest.raises(CallError):
            await web.call("first.run", timeout=0.15)
        await asyncio.sleep(1.0)
    assert set(left) == {"first", "second"}


async def test_a_call_made_after_the_deadline_of_the_one_being_served_is_refused_and_sends_nothing(
    broker: MemoryBroker,
) -> None:
    left: dict[str, float] = {}
    refused: list[CallError] = []
    relay = mesh(broker, "relay")

    @relay.endpoint
    async def run() -> None:
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:
            try:
                await relay.call("third.run")
            except CallError as error:
                refused.append(error)
            raise

    third = chain(broker, left)[2]
    async with relay, third, mesh(broker, "web") as web:
        with pytest.raises(DeadlineExceeded):
            await web.call("relay.run", timeout=0.2)
        await asyncio.sleep(1.0)
    assert [(error.code, error.executed) for error in refused] == [(Code.DEADLINE_EXCEEDED, Executed.NO)]
    assert not left
