"""Faults on purpose: as many as asked for, told apart from real ones, within the deadline."""

from __future__ import annotations

import pytest

from crossply.errors import (
    CallError,
    CircuitOpen,
    Code,
    DeadlineExceeded,
    EndpointFailed,
    Executed,
    Origin,
    Unavailable,
)
from crossply.handler import Response, compose
from crossply.layers.breaker import breaker
from crossply.layers.fault import fault, injected
from crossply.layers.outlier import outlier
from crossply.routing.breaker import Breaker
from crossply.routing.held import BySubset
from crossply.routing.outliers import Outliers
from crossply.testing import Script, chance
from crossply_policy.protection import BreakerPolicy, OutlierPolicy
from crossply_policy.traffic import CODES, AbortPolicy, DelayPolicy, FaultPolicy
from tests.unit.sdk.stage import Always, callee, instance, now, request

NOTHING = Response()


def aborting(percentage: float, code: str = "unavailable") -> FaultPolicy:
    return FaultPolicy(document="Traffic/orders", abort=AbortPolicy(percentage=percentage, code=code))


def delaying(percentage: float, duration: float) -> FaultPolicy:
    return FaultPolicy(document="Traffic/orders", delay=DelayPolicy(percentage=percentage, duration=duration))


async def test_an_abort_names_its_document_and_says_that_nothing_ran() -> None:
    script = Script()
    with pytest.raises(Unavailable) as raised:
        await fault(aborting(100), now, Always()).wrap(script)(request())
    error = raised.value
    assert str(error) == "orders.create: Traffic/orders makes it fail"
    assert (error.executed, error.origin, error.rule) == (Executed.NO, Origin.LOCAL, "Traffic/orders")
    assert script.seen == []


@pytest.mark.parametrize("code", CODES)
def test_every_code_can_be_injected_as_its_own_error(code: str) -> None:
    error = injected(Code(code), "text", "Traffic/orders")
    assert isinstance(error, CallError)
    assert (error.code, error.executed) == (Code(code), Executed.NO)


def test_an_injected_internal_is_of_the_class_that_callers_catch() -> None:
    assert isinstance(injected(Code.INTERNAL, "text", "Traffic/orders"), EndpointFailed)


async def test_as_many_fail_as_asked_for() -> None:
    handler, failed = fault(aborting(10), now, chance(3)).wrap(Script()), 0
    for _ in range(10_000):
        try:
            await handler(request())
        except Unavailable:
            failed += 1
    assert 900 <= failed <= 1100


async def test_a_delay_holds_back_and_then_sends() -> None:
    script, began = Script(), now()
    await fault(delaying(100, 0.1), now, Always()).wrap(script)(request())
    assert now() - began == pytest.approx(0.1)
    assert len(script.seen) == 1


async def test_what_chance_spares_is_not_touched() -> None:
    policy = FaultPolicy(
        document="Traffic/orders",
        abort=AbortPolicy(percentage=50, code="internal"),
        delay=DelayPolicy(percentage=50, duration=1),
    )
    script, began = Script([NOTHING]), now()
    assert await fault(policy, now, Always(0.5)).wrap(script)(request()) is NOTHING
    assert now() == began


async def test_a_delay_comes_before_an_abort() -> None:
    policy = FaultPolicy(
        document="Traffic/orders",
        abort=AbortPolicy(percentage=100, code="internal"),
        delay=DelayPolicy(percentage=100, duration=1),
    )
    began = now()
    with pytest.raises(EndpointFailed):
        await fault(policy, now, Always()).wrap(Script())(request())
    assert now() - began == pytest.approx(1)


async def test_a_delay_ends_at_the_deadline_and_sends_nothing_after_it() -> None:
    script, began = Script(), now()
    with pytest.raises(DeadlineExceeded) as raised:
        await fault(delaying(100, 60), now, Always()).wrap(script)(request(deadline=began + 0.5))
    assert now() - began == pytest.approx(0.5)
    assert str(raised.value) == "orders.create: Traffic/orders held it back until its deadline"
    assert raised.value.executed is Executed.NO
    assert script.seen == []


@pytest.mark.parametrize(
    "policy",
    [
        *(
            aborting(100, code)
            for code in ("unavailable", "overloaded", "disconnected", "deadline_exceeded", "internal")
        ),
        delaying(100, 9.0),
    ],
    ids=lambda policy: policy.abort.code if policy.abort else "held back until the deadline",
)
async def test_an_experiment_exercises_breaker_and_outlier(policy: FaultPolicy) -> None:
    breakers = BySubset(lambda _: Breaker(BreakerPolicy(enabled=True), now, lambda _breaker: None))
    known = callee(instance("a", "create"), instance("b", "create"))
    outliers = Outliers(OutlierPolicy(enabled=True), known, now, lambda _instance, _seconds: None)
    handler = compose([breaker(breakers), outlier(outliers), fault(policy, now, Always())], Script())
    for _ in range(20):
        with pytest.raises(CallError):
            await handler(request(instance="a", deadline=now() + 0.1))
    assert outliers.ejected("a")
    with pytest.raises(CircuitOpen):
        await handler(request())
