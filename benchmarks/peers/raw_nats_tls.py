"""nats-py alone over mutual TLS, on a broker of its own."""

# pyright: reportUnknownMemberType=false
# nats-py leaves parameters of these methods untyped

from __future__ import annotations

import ssl
import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client

from benchmarks.certificates import ADDRESS, files, write
from benchmarks.peers.raw_nats import answer, ask
from benchmarks.processes import Program, while_running

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def serve(env: dict[str, Any]) -> None:
    """Run the broker and be the callee until cancelled; say ``ready`` once it can be called."""
    tls = write(env["dir"])
    command = [
        str(Path(sys.executable).parent / "nats-server"), "-a", ADDRESS, "-p", str(env["ports"][0]), "--tlsverify",
        f"--tlscacert={tls.authority}", f"--tlscert={tls.certificate}", f"--tlskey={tls.key}",
    ]  # fmt: skip
    started = Program.start("nats-server with TLS", *command, word="Server is ready", own_group=False)
    async with aclosing(await started) as broker:
        await broker.said(10)
        await while_running([broker], answer(await _connected(env)))


async def connect(env: dict[str, Any]) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    return ask(await _connected(env))


async def _connected(env: dict[str, Any]) -> Client:
    tls = files(env["dir"])
    context = ssl.create_default_context(cafile=tls.authority)
    context.load_cert_chain(tls.certificate, tls.key)
    return await nats.connect(f"tls://{ADDRESS}:{env['ports'][0]}", tls=context)
