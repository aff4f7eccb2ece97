"""nats-py alone over mutual TLS, on a broker of its own."""

# pyright: reportUnknownMemberType=false
# nats-py leaves parameters of these methods untyped

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import nats
from nats.aio.client import Client

from benchmarks.certificates import files
from benchmarks.peers.raw_nats import answer, ask
from benchmarks.processes import while_running
from benchmarks.tls_broker import tls_address, tls_broker

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def serve(env: dict[str, Any]) -> None:
    """Run the broker and be the callee until cancelled; say ``ready`` once it can be called."""
    async with tls_broker(env) as broker:
        await while_running([broker], answer(await _connected(env)))


async def connect(env: dict[str, Any]) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    return ask(await _connected(env))


async def _connected(env: dict[str, Any]) -> Client:
    tls = files(env["dir"])
    context = ssl.create_default_context(cafile=tls.authority)
    context.load_cert_chain(tls.certificate, tls.key)
    return await nats.connect(tls_address(env), tls=context)
