"""Slots: so many at once, the others in line, in order, within their deadlines."""

from __future__ import annotations

import asyncio
import math

import pytest

from crossply.routing.slots import Slots
from crossply_policy.protection import LimitPolicy
from tests.unit.sdk.stage import now, settle


def slots(in_flight: int = 1, queue: int = 2) -> Slots:
    return Slots(LimitPolicy(in_flight=in_flight, queue=queue), now)


async def test_there_are_as_many_as_the_policy_says() -> None:
    held = slots(2)
    assert [held.take(), held.take(), held.take()] == [True, True, False]
    held.leave()
    assert held.take()


async def test_those_in_line_are_served_in_the_order_of_coming() -> None:
    held, served = slots(), list[str]()
    held.take()

    async def waiting(name: str) -> None:
        assert await held.wait(math.inf)
        served.append(name)

    tasks = [asyncio.ensure_future(waiting(name)) for name in "ab"]
    await settle()
    for expected in ("a", "b"):
        held.leave()
        await settle()
        assert served[-1] == expected
    assert held.in_flight == 1
    await asyncio.gather(*tasks)


async def test_nobody_overtakes_those_in_line() -> None:
    held = slots()
    held.take()
    waiting = asyncio.ensure_future(held.wait(math.inf))
    await settle()
    held.leave()
    assert not held.take(), "the slot is the waiter's, though it has not run yet"
    assert await waiting


async def test_a_full_line_refuses_at_once() -> None:
    held = slots(queue=0)
    held.take()
    assert not await held.wait(math.inf)
    assert held.refused == 1


async def test_who_waits_gives_up_at_its_deadline() -> None:
    held, began = slots(), now()
    held.take()
    assert not await held.wait(began + 1.5)
    assert now() == pytest.approx(began + 1.5)
    assert held.waiting == 0
    held.leave()
    assert held.in_flight == 0


async def test_who_is_cancelled_leaves_the_line() -> None:
    held = slots()
    held.take()
    waiting = asyncio.ensure_future(held.wait(math.inf))
    await settle()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    held.leave()
    assert (held.in_flight, held.waiting) == (0, 0)


async def test_a_slot_that_comes_as_its_waiter_is_cancelled_is_not_lost() -> None:
    held = slots()
    held.take()
    waiting = asyncio.ensure_future(held.wait(math.inf))
    await settle()
    held.leave()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert held.in_flight == 0
    assert held.take()
