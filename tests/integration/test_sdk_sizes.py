"""Sizes: what is above a limit is refused before it is sent, and costs nobody the connection."""

from __future__ import annotations

import asyncio
import time

import pytest

from crossply import Code, EndpointFailed, Executed, InvalidArgument, Origin, PayloadTooLarge, Request
from tests.support.meshes import Meshes
from tests.support.shop import failed, shop

LIMIT = 960 * 1024


async def test_a_body_over_the_limit_is_refused_before_sending(meshes: Meshes) -> None:
    await shop(meshes)
    caller = await meshes.client()
    error = await failed(caller, "orders.echo", bytes(LIMIT + 1))

    assert isinstance(error, PayloadTooLarge)
    assert (error.executed, error.origin) == (Executed.NO, Origin.LOCAL)
    assert str(LIMIT) in str(error)
    assert caller.link.connected


async def test_many_bodies_over_the_limit_leave_the_calls_beside_them_alone(meshes: Meshes) -> None:
    await shop(meshes)
    caller = await meshes.client()
    huge = bytes(2 * 1024 * 1024)

    outcomes = await asyncio.gather(
        *(caller.call("orders.echo", b"x" if n % 2 else huge, returns=bytes) for n in range(20)),
        return_exceptions=True,
    )

    assert outcomes[1::2] == [b"x"] * 10
    assert all(isinstance(each, PayloadTooLarge) for each in outcomes[::2])


async def test_a_reply_over_the_limit_is_an_error_that_says_that_it_ran(meshes: Meshes) -> None:
    await shop(meshes)
    error = await failed(await meshes.client(), "orders.blow-up", {"size": LIMIT + 1})

    assert (error.code, error.executed) == (Code.PAYLOAD_TOO_LARGE, Executed.YES)
    assert error.origin is Origin.REMOTE


@pytest.mark.parametrize(
    "options",
    [
        {"metadata": {"a": "x" * 9000}},
        {"key": "x" * 9000},
        {"idempotency_key": "x" * 100_000},
        {"metadata": {f"name-{n}": "value" for n in range(1000)}},
    ],
    ids=["one long value", "a long key", "longer than a length field", "many names"],
)
async def test_too_much_metadata_is_refused_before_sending(meshes: Meshes, options: dict[str, object]) -> None:
    await shop(meshes)
    error = await failed(await meshes.client(), "orders.echo", b"x", **options)

    assert isinstance(error, PayloadTooLarge)
    assert (error.executed, error.origin) == (Executed.NO, Origin.LOCAL)


async def test_a_content_type_too_long_for_the_envelope_is_refused_before_sending(meshes: Meshes) -> None:
    await shop(meshes)
    caller = await meshes.client()

    with pytest.raises(PayloadTooLarge):
        await caller.outbound("orders.echo")(
            Request("orders.echo", b"x", f"text/{'x' * 5000}", id=bytes(16), deadline=time.monotonic() + 1)
        )


async def test_a_long_error_text_still_reaches_the_caller(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def complain() -> None:
        raise EndpointFailed("x" * 20_000, code=Code.ABORTED)

    await meshes.start(orders)
    caller = await meshes.client()

    with pytest.raises(EndpointFailed) as caught:
        await caller.call("orders.complain")
    assert caught.value.executed is Executed.YES
    assert caught.value.code is Code.ABORTED


async def test_an_untyped_body_that_is_too_deep_or_too_long_is_refused(meshes: Meshes) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def anything(value: object) -> None: ...

    await meshes.start(orders)
    caller = await meshes.client()
    deep: object = 1
    for _ in range(100):
        deep = [deep]

    for payload in (deep, ["x" * 1000] * 300):
        with pytest.raises(InvalidArgument) as caught:
            await caller.call("orders.anything", {"value": payload})
        assert caught.value.executed is Executed.NO
