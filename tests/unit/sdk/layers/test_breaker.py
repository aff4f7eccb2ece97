"""The layer of the breaker: what it refuses, and what it says then."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import CircuitOpen, Code, EndpointFailed, Executed, Unavailable
from crossply.handler import Layer, Response
from crossply.layers.breaker import breaker
from crossply.routing.breaker import Breaker, Standing
from crossply.routing.held import BySubset
from crossply.testing import Script
from crossply_policy.protection import BreakerPolicy
from tests.unit.sdk.stage import call, now, request

POLICY = BreakerPolicy(enabled=True, calls=3)


def breaking() -> tuple[Layer, BySubset[Breaker]]:
    states = BySubset[Breaker](lambda _: Breaker(POLICY, now, lambda _breaker: None))
    return breaker(states), states


async def failing(layer: Layer, script: Script, subset: str | None = None) -> None:
    for _ in range(POLICY.calls):
        with pytest.raises(Unavailable):
            await call(layer, script, request(subset=subset))


async def test_an_open_breaker_sends_nothing_and_says_why_and_for_how_long() -> None:
    layer, _ = breaking()
    script = Script(then=Unavailable("draining"))
    await failing(layer, script)
    with pytest.raises(CircuitOpen) as caught:
        await call(layer, script)
    assert len(script.seen) == POLICY.calls
    assert caught.value.executed is Executed.NO
    assert caught.value.retry_after == pytest.approx(5.0)
    assert caught.value.message == (
        "orders.create: the breaker is open, as too many attempts to orders failed; nothing is sent for 5.0 s more."
        " Find out why orders fails; its policy is `breaker` of Service/orders"
    )


async def test_other_subsets_are_called_meanwhile() -> None:
    layer, _ = breaking()
    await failing(layer, Script(then=Unavailable("draining")), "canary")
    with pytest.raises(CircuitOpen, match="attempts to orders, subset canary, failed"):
        await call(layer, Script(), request(subset="canary"))
    assert await call(layer, Script([Response(b"done")]), request(subset="stable"))


async def test_it_closes_when_the_callee_is_well_again() -> None:
    layer, states = breaking()
    await failing(layer, Script(then=Unavailable("draining")))
    await asyncio.sleep(POLICY.pause)
    for _ in range(4):
        await call(layer, Script())
    assert states.of(None).standing is Standing.CLOSED


async def test_what_an_endpoint_raises_on_purpose_opens_nothing() -> None:
    layer, states = breaking()
    script = Script(then=EndpointFailed("no credit", code=Code.ABORTED))
    for _ in range(20):
        with pytest.raises(EndpointFailed):
            await call(layer, script)
    assert states.of(None).closed


async def test_a_trial_that_is_cancelled_makes_room_for_another() -> None:
    layer, states = breaking()
    await failing(layer, Script(then=Unavailable("draining")))
    await asyncio.sleep(POLICY.pause)
    trial = asyncio.ensure_future(call(layer, Script([60.0, Response()])))
    await asyncio.sleep(1.0)
    with pytest.raises(CircuitOpen, match="until the attempts that were let through to see have ended"):
        await call(layer, Script())
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    await call(layer, Script())
    assert states.of(None).standing is Standing.HALF_OPEN
