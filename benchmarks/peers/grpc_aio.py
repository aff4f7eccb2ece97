"""grpc.aio, one unary call on one channel, bytes in and out, without TLS."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from typing import Any

# Only `make bench` installs it, so that the checkers of `make check` cannot know it.
grpc: Any = importlib.import_module("grpc")

BODY = b"x" * 128

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def echo(body: bytes, _context: Any) -> bytes:
    """Return what came."""
    return body


async def serve(env: dict[str, Any]) -> None:
    """Be the callee until cancelled; say ``ready`` once it can be called."""
    server = grpc.aio.server()
    methods = {"Echo": grpc.unary_unary_rpc_method_handler(echo)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("echoes.Echoes", methods),))
    server.add_insecure_port(_target(env))
    await server.start()
    print("ready", flush=True)
    try:
        await server.wait_for_termination()
    finally:
        await server.stop(grace=1)


async def connect(env: dict[str, Any]) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    channel = grpc.aio.insecure_channel(_target(env))
    ask = channel.unary_unary("/echoes.Echoes/Echo")

    async def call() -> None:
        assert await ask(BODY, timeout=5) == BODY

    return call, channel.close


def _target(env: dict[str, Any]) -> str:
    return f"127.0.0.1:{env['ports'][0]}"
