"""Calls that fail: each with its code, whether it ran, and where the error arose; none costs the connection."""

from __future__ import annotations

import asyncio
import time

import pytest
from structlog.typing import EventDict

from crossply import (
    Code,
    EndpointFailed,
    Executed,
    IntegrityFailed,
    InvalidArgument,
    NotFound,
    Origin,
    Overloaded,
    current,
)
from tests.support.meshes import Meshes
from tests.support.shop import failed, shop

SAID_WITHIN = 0.3
BAD_NAMES = {
    "empty": "",
    "one part": "orders",
    "three parts": "orders.a.b",
    "a space": "orders.cre ate",
    "a star": "orders.*",
    "a tail": "orders.>",
    "a star for the service": "*.create",
    "NUL": "orders.cre\0ate",
    "a line break": "orders.create\r\nPUB x 0",
    "capitals": "Orders.Create",
    "300 characters": f"orders.{'x' * 300}",
    "300 characters of service": f"{'x' * 300}.create",
    "reserved": "orders.any",
    "an instance": "orders.i-abc",
    "not ASCII": "orders.größe",
}


async def test_what_an_endpoint_raises_reaches_the_caller_as_internal_without_its_text(
    meshes: Meshes, logs: list[EventDict]
) -> None:
    await shop(meshes)
    error = await failed(await meshes.client(), "orders.broken")

    assert (error.code, error.executed, error.origin) == (Code.INTERNAL, Executed.YES, Origin.REMOTE)
    assert isinstance(error, EndpointFailed)
    assert "hunter2" not in str(error)
    assert error.trace_id is not None
    (raised,) = [each for each in logs if each["event"] == "endpoint_raised"]
    assert raised["trace_id"] == error.trace_id
    assert "hunter2" in raised["error"]


async def test_what_an_endpoint_raises_on_purpose_reaches_the_caller_with_its_text(meshes: Meshes) -> None:
    await shop(meshes)
    error = await failed(await meshes.client(), "orders.refuse")

    assert (error.code, error.executed, error.origin) == (
        Code.FAILED_PRECONDITION,
        Executed.YES,
        Origin.REMOTE,
    )
    assert str(error) == "orders.refuse: no credit left"


async def test_a_result_that_does_not_encode_is_internal(meshes: Meshes) -> None:
    await shop(meshes)
    error = await failed(await meshes.client(), "orders.odd")

    assert (error.code, error.executed) == (Code.INTERNAL, Executed.YES)


async def test_an_unknown_service_is_not_found_within_300_ms(meshes: Meshes) -> None:
    await shop(meshes)
    caller = await meshes.client()
    await caller.call("orders.create", {"sku": "a", "quantity": 1})

    began = time.monotonic()
    with pytest.raises(NotFound, match=r"nobody\.home: no service nobody") as caught:
        await caller.call("nobody.home")
    took = time.monotonic() - began

    assert 0.2 < took < SAID_WITHIN
    assert (caught.value.executed, caught.value.origin) == (Executed.NO, Origin.WIRE)


async def test_further_calls_to_an_unknown_service_are_refused_at_once_for_a_second(meshes: Meshes) -> None:
    caller = await meshes.client()
    with pytest.raises(NotFound):
        await caller.call("nobody.home")

    began = time.monotonic()
    for _ in range(10):
        with pytest.raises(NotFound):
            await caller.call("nobody.home")
    assert time.monotonic() - began < 0.2


async def test_a_service_that_appears_after_it_was_not_found_is_found(meshes: Meshes) -> None:
    caller = await meshes.client()
    with pytest.raises(NotFound):
        await caller.call("orders.create", {"sku": "a", "quantity": 1})

    await shop(meshes)

    assert await caller.call("orders.create", {"sku": "a", "quantity": 1}) == "1 a"


async def test_an_unknown_endpoint_is_not_found_and_the_known_ones_are_named(meshes: Meshes) -> None:
    await shop(meshes)
    error = await failed(await meshes.client(), "orders.cancel")

    assert (error.code, error.executed) == (Code.NOT_FOUND, Executed.NO)
    assert "orders has no endpoint cancel; it has blow-up, broken, create" in str(error)


@pytest.mark.parametrize("operation", BAD_NAMES.values(), ids=BAD_NAMES.keys())
async def test_a_bad_name_is_refused_before_anything_is_sent(meshes: Meshes, operation: str) -> None:
    await shop(meshes)
    error = await failed(await meshes.client(), operation)

    assert isinstance(error, InvalidArgument)
    assert (error.executed, error.origin) == (Executed.NO, Origin.LOCAL)
    assert "is refused" in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    ("payload", "pointer", "reason"),
    [
        ({"sku": "a", "quantity": "two"}, "/quantity", "Expected `int`, got `str`"),
        ({"sku": 5, "quantity": 1}, "/sku", "Expected `str`, got `int`"),
        ({"sku": "a"}, "", "missing required field `quantity`"),
        ({"sku": "a", "quantity": 1, "color": "red"}, "", "unknown field `color`"),
        ([1, 2], "", "Expected `object`, got `array`"),
        (None, "", "missing required field"),
        (b"\xc1\xff", "", "content type"),
    ],
)
async def test_wrong_types_are_refused_with_path_and_reason(
    meshes: Meshes, payload: object, pointer: str, reason: str
) -> None:
    await shop(meshes)
    error = await failed(await meshes.client(), "orders.create", payload)

    assert isinstance(error, InvalidArgument)
    assert (error.executed, error.origin) == (Executed.NO, Origin.REMOTE)
    ((where, why),) = error.details
    assert where == pointer
    assert reason in why or reason in str(error)


async def test_a_reply_that_is_not_of_the_type_asked_for_is_refused_by_the_caller(meshes: Meshes) -> None:
    await shop(meshes)
    error = await failed(await meshes.client(), "orders.create", {"sku": "a", "quantity": 1}, returns=int)

    assert isinstance(error, IntegrityFailed)
    assert (error.executed, error.origin) == (Executed.YES, Origin.LOCAL)
    assert "Expected `int`, got `str`" in str(error)


async def test_a_value_that_does_not_encode_is_refused_before_sending(meshes: Meshes) -> None:
    await shop(meshes)
    error = await failed(await meshes.client(), "orders.create", {"sku": object()})

    assert isinstance(error, InvalidArgument)
    assert (error.executed, error.origin) == (Executed.NO, Origin.LOCAL)


async def test_an_error_of_a_nested_call_is_not_forwarded(meshes: Meshes) -> None:
    await shop(meshes)
    outer = meshes.new("outer")

    @outer.endpoint
    async def relay(operation: str) -> None:
        await outer.call(operation)

    await meshes.start(outer)
    caller = await meshes.client()

    for operation in ("orders.refuse", "orders.nothing", "orders.broken", "Bad Name"):
        with pytest.raises(EndpointFailed) as caught:
            await caller.call("outer.relay", {"operation": operation})
        assert (caught.value.code, caught.value.executed) == (Code.INTERNAL, Executed.YES)
        assert "no credit" not in str(caught.value)
        assert caught.value.trace_id is not None


async def test_an_instance_at_its_limit_refuses_early_and_says_when_to_come_back(meshes: Meshes) -> None:
    orders = meshes.new("orders", max_in_flight=2)
    released = asyncio.Event()

    @orders.endpoint
    async def wait() -> str:
        await released.wait()
        return current().operation

    await meshes.start(orders)
    caller = await meshes.client()
    waiting = [asyncio.ensure_future(caller.call("orders.wait")) for _ in range(2)]
    while orders.status()["in_flight"] != 2:
        await asyncio.sleep(0.01)

    with pytest.raises(Overloaded) as caught:
        await caller.call("orders.wait")
    released.set()

    assert caught.value.executed is Executed.NO
    assert caught.value.retry_after is not None
    assert await asyncio.gather(*waiting) == ["orders.wait"] * 2
