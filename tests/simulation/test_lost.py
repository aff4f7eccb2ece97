"""A message that the broker loses is found by asking: the call goes on long before its deadline."""

from __future__ import annotations

import random

import pytest

from crossply import CallError
from crossply.testing import time as testing_time
from tests.simulation.world import Call, World

SOON = 0.6


async def lost(world: World, operation: str) -> tuple[str, float]:
    """Lose the request of a call to a known instance; return what it came to, and after how many seconds."""
    orders, caller = world.instance(), world.mesh("caller")
    await orders.start()
    await caller.start()
    for number in (1, 2):
        world.calls[number] = Call("quote", 1e9)
        await caller.call("orders.quote", {"number": number, "seconds": 0.0})
    world.calls[3] = Call(operation, 1e9)
    world.broker.dropping = 1
    began = world.loop.time()
    try:
        await caller.call(f"orders.{operation}", {"number": 3, "seconds": 0.0}, timeout=4.0)
        came_to = "ok"
    except CallError as error:
        came_to = f"{error.code}, {error.executed}"
    took = world.loop.time() - began
    await caller.stop()
    await orders.stop()
    return came_to, took


@pytest.mark.parametrize(("operation", "outcome"), [("quote", "ok"), ("write", "disconnected, maybe")])
def test_a_request_that_was_lost_is_sent_again_if_it_may_be_and_else_fails_soon(operation: str, outcome: str) -> None:
    chance = random.Random(1)

    async def life() -> tuple[str, float]:
        return await lost(World(chance), operation)

    came_to, took = testing_time.run(life(), chance=chance)
    assert came_to == outcome
    assert took < SOON


def test_a_request_that_takes_long_is_not_taken_for_lost() -> None:
    chance = random.Random(1)

    async def life() -> object:
        world = World(chance)
        orders, caller = world.instance(), world.mesh("caller")
        world.calls[1] = world.calls[2] = Call("write", 1e9)
        await orders.start()
        await caller.start()
        await caller.call("orders.write", {"number": 1, "seconds": 0.0})
        value = await caller.call("orders.write", {"number": 2, "seconds": 3.0})
        await caller.stop()
        await orders.stop()
        return value

    assert testing_time.run(life(), chance=chance) == 2
