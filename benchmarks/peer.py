"""Crossply as one of the peers that `calls.py` compares: default layers, no registry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from crossply import Mesh
from crossply.config import MeshConfig

BODY = b"x" * 128

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def serve(env: dict[str, Any]) -> None:
    """Be the callee until cancelled; say ``ready`` once it can be called."""
    mesh = Mesh("echoes", config=MeshConfig(nats=(env["nats"],)))

    @mesh.endpoint(idempotent=True)
    async def echo(body: bytes) -> bytes:
        return body

    async with mesh:
        print("ready", flush=True)
        await asyncio.Event().wait()


async def connect(env: dict[str, Any]) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    mesh = Mesh("asker", kind="client", config=MeshConfig(nats=(env["nats"],)))
    await mesh.start()

    async def call() -> None:
        assert await mesh.call("echoes.echo", BODY, returns=bytes) == BODY

    return call, mesh.stop
