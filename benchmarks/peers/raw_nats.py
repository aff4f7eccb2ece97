"""nats-py alone: request and reply with two headers, what the SDK is built on."""

# pyright: reportUnknownMemberType=false
# nats-py leaves parameters of these methods untyped

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg

BODY = b"x" * 128
HEADERS = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Sender": "asker"}

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def serve(env: dict[str, Any]) -> None:
    """Be the callee until cancelled; say ``ready`` once it can be called."""
    await answer(await nats.connect(env["nats"]))


async def connect(env: dict[str, Any]) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    return ask(await nats.connect(env["nats"]))


async def answer(connection: Client) -> None:
    """Echo body and header until cancelled."""

    async def echo(message: Msg) -> None:
        await message.respond(message.data)

    await connection.subscribe("echoes.echo", queue="echoes", cb=echo)
    await connection.flush()
    print("ready", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await connection.close()


def ask(connection: Client) -> tuple[Call, Close]:
    """Return the caller on ``connection``, and how to end it."""

    async def call() -> None:
        reply = await connection.request("echoes.echo", BODY, timeout=5, headers=HEADERS)
        assert reply.data == BODY

    return call, connection.close
