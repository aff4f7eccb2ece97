"""The layer of the limit: so many at once, the others wait or are refused."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import Executed, Overloaded, Unavailable
from crossply.handler import Layer, Response
from crossply.layers.limit import limit
from crossply.routing.held import BySubset
from crossply.routing.slots import Slots
from crossply.testing import Script
from crossply_policy.protection import LimitPolicy
from tests.unit.sdk.stage import call, now, request


def limiting(in_flight: int, queue: int) -> tuple[Layer, BySubset[Slots]]:
    states = BySubset[Slots](lambda _: Slots(LimitPolicy(in_flight=in_flight, queue=queue), now))
    return limit(states), states


async def test_no_more_are_in_flight_than_the_policy_says_and_all_get_through() -> None:
    layer, states = limiting(2, 100)
    most = 0

    async def counting(_request: object) -> Response:
        nonlocal most
        most = max(most, states.of(None).in_flight)
        await asyncio.sleep(0.1)
        return Response()

    await asyncio.gather(*(call(layer, counting) for _ in range(20)))
    assert most == 2
    assert states.of(None).in_flight == 0


async def test_a_call_that_finds_the_line_full_is_refused_at_once_with_what_to_do() -> None:
    layer, _ = limiting(1, 0)
    running = asyncio.ensure_future(call(layer, Script([1.0, Response()])))
    await asyncio.sleep(0)
    began, script = now(), Script()
    with pytest.raises(Overloaded) as caught:
        await call(layer, script)
    assert script.seen == []
    assert now() == began
    assert caught.value.executed is Executed.NO
    assert caught.value.message == (
        "orders.create: this caller has 1 attempts to orders in flight, 0 waiting; `limit` of Service/orders allows"
        " 1 and 0. Call less at once, or raise it"
    )
    await running


async def test_a_call_waits_within_its_deadline() -> None:
    layer, states = limiting(1, 5)
    running = asyncio.ensure_future(call(layer, Script([10.0, Response()])))
    await asyncio.sleep(0)
    began, script = now(), Script()
    with pytest.raises(Overloaded):
        await call(layer, script, request(deadline=began + 2.0))
    assert script.seen == []
    assert now() == pytest.approx(began + 2.0)
    await running
    assert states.of(None).in_flight == 0


async def test_subsets_have_slots_of_their_own() -> None:
    layer, _ = limiting(1, 0)
    running = asyncio.ensure_future(call(layer, Script([1.0, Response()]), request(subset="canary")))
    await asyncio.sleep(0)
    await call(layer, Script(), request(subset="stable"))
    await running


async def test_a_call_that_fails_gives_its_slot_back() -> None:
    layer, states = limiting(1, 0)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await call(layer, Script([Unavailable]))
    assert states.of(None).in_flight == 0


async def test_a_call_that_is_cancelled_gives_its_slot_back() -> None:
    layer, states = limiting(1, 0)
    running = asyncio.ensure_future(call(layer, Script([60.0])))
    await asyncio.sleep(1.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert states.of(None).in_flight == 0
