"""A service with endpoints that fail in every way, and a call to it that must fail."""

from __future__ import annotations

import pytest

from crossply import CallError, Code, EndpointFailed, Mesh
from tests.support.meshes import Meshes


async def shop(meshes: Meshes) -> Mesh:
    """Start the service."""
    orders = meshes.new("orders")

    @orders.endpoint
    async def create(sku: str, quantity: int) -> str:
        return f"{quantity} {sku}"

    @orders.endpoint
    async def broken() -> None:
        raise RuntimeError("the password is hunter2")

    @orders.endpoint
    async def refuse() -> None:
        raise EndpointFailed("no credit left", code=Code.FAILED_PRECONDITION)

    @orders.endpoint
    async def echo(body: bytes) -> bytes:
        return body

    @orders.endpoint
    async def blow_up(size: int) -> bytes:
        return bytes(size)

    @orders.endpoint
    async def odd() -> object:
        return object()

    await meshes.start(orders)
    return orders


async def failed(caller: Mesh, operation: str, payload: object = None, **options: object) -> CallError:
    """Return the error of a call, and show that the connection is as good as before."""
    with pytest.raises(CallError) as caught:
        await caller.call(operation, payload, **options)  # type: ignore[call-overload]
    assert await caller.call("orders.create", {"sku": "a", "quantity": 1}) == "1 a"
    return caught.value
