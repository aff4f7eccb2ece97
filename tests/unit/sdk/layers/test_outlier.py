"""The layer of the outliers: what it tells of each attempt."""

from __future__ import annotations

import asyncio

import pytest

from crossply.errors import CallError, Code, DeadlineExceeded, Disconnected, EndpointFailed, LinkLost
from crossply.handler import Layer, Response
from crossply.layers.outlier import outlier
from crossply.routing.outliers import Outliers
from crossply.testing import Script
from crossply_policy.protection import OutlierPolicy
from tests.unit.sdk.stage import call, callee, instance, now, request


def watching() -> tuple[Layer, Outliers]:
    known = callee(instance("a", "create"), instance("b", "create"))
    outliers = Outliers(OutlierPolicy(), known, now, lambda _name, _length: None)
    return outlier(outliers), outliers


async def attempts(layer: Layer, error: CallError, count: int = 5) -> None:
    for _ in range(count):
        with pytest.raises(type(error)):
            await call(layer, Script([error]), request(instance="a"))


@pytest.mark.parametrize(
    "error", [Disconnected("gone"), DeadlineExceeded("late"), EndpointFailed("", code=Code.INTERNAL)]
)
async def test_an_instance_that_keeps_failing_is_ejected(error: CallError) -> None:
    layer, outliers = watching()
    await attempts(layer, error)
    assert outliers.ejected("a")


@pytest.mark.parametrize("error", [LinkLost("ours"), EndpointFailed("no credit", code=Code.ABORTED)])
async def test_one_that_does_not_fail_itself_is_not(error: CallError) -> None:
    layer, outliers = watching()
    await attempts(layer, error, 50)
    assert not outliers.ejected("a")


async def test_an_answer_ends_a_row_of_failures() -> None:
    layer, outliers = watching()
    await attempts(layer, Disconnected("gone"), 4)
    await call(layer, Script([Response()]), request(instance="a"))
    await attempts(layer, Disconnected("gone"), 4)
    assert not outliers.ejected("a")


async def test_a_probe_that_is_cancelled_leaves_its_place_to_another() -> None:
    layer, outliers = watching()
    await attempts(layer, Disconnected("gone"))
    await asyncio.sleep(5.0)
    instances, made = [instance("a", "create")], request(instance="a")
    assert outliers.probe(instances, made, now())
    running = asyncio.ensure_future(call(layer, Script([60.0]), made))
    await asyncio.sleep(1.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert outliers.probe(instances, request(), now())
