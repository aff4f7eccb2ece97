"""Crossply as one of the peers that `calls.py` compares: default layers, no registry."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from crossply import Mesh
from crossply.config import MeshConfig
from crossply.wire import connect as connect_nats
from crossply.wire.link import Connect

BODY = b"x" * 128

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def serve(env: dict[str, Any]) -> None:
    """Be the callee until cancelled; say ``ready`` once it can be called."""
    await answer(MeshConfig(nats=(env["nats"],)))


async def connect(env: dict[str, Any]) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    return await ask(MeshConfig(nats=(env["nats"],)))


async def answer(config: MeshConfig, connect: Connect = connect_nats) -> None:
    """Echo what comes from the mesh of ``config``."""
    mesh = Mesh("echoes", config=config, connect=connect)

    @mesh.endpoint(idempotent=True)
    async def echo(body: bytes) -> bytes:
        return body

    async with mesh:
        print("ready", flush=True)
        await asyncio.Event().wait()


async def ask(config: MeshConfig, connect: Connect = connect_nats) -> tuple[Call, Close]:
    """Return the caller in the mesh of ``config``, and how to end it."""
    mesh = Mesh("asker", kind="client", config=config, connect=connect)
    await mesh.start()

    async def call() -> None:
        assert await mesh.call("echoes.echo", BODY, returns=bytes) == BODY

    return call, mesh.stop
