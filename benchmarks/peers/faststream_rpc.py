"""FastStream's RPC over NATS, with a typed handler."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import Any

# Only `make bench` installs it, so that the checkers of `make check` cannot know it.
faststream: Any = importlib.import_module("faststream.nats")

BODY = b"x" * 128

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def echo(body: bytes) -> bytes:
    """Return what came; FastStream validates it by the annotations."""
    return body


async def serve(env: dict[str, Any]) -> None:
    """Be the callee until cancelled; say ``ready`` once it can be called."""
    broker = _broker(env)
    broker.subscriber("echoes.echo", "echoes")(echo)
    async with broker:
        await broker.start()
        print("ready", flush=True)
        await asyncio.Event().wait()


async def connect(env: dict[str, Any]) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    broker = _broker(env)
    await broker.connect()

    async def call() -> None:
        reply = await broker.request(BODY, "echoes.echo", timeout=5)
        assert reply.body == BODY

    return call, broker.stop


def _broker(env: dict[str, Any]) -> Any:
    return faststream.NatsBroker(env["nats"], logger=None)  # it would log every message, twice
