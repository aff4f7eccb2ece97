"""Crossply over mutual TLS, on a broker of its own that is set up as that of raw_nats_tls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.certificates import files
from benchmarks.peer import answer, ask
from benchmarks.processes import while_running
from benchmarks.tls_broker import tls_address, tls_broker
from crossply.config import MeshConfig
from crossply.tls import TlsFiles

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def serve(env: dict[str, Any]) -> None:
    """Run the broker and be the callee until cancelled; say ``ready`` once it can be called."""
    async with tls_broker(env) as broker:
        await while_running([broker], answer(_config(env)))


async def connect(env: dict[str, Any]) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    return await ask(_config(env))


def _config(env: dict[str, Any]) -> MeshConfig:
    found = files(env["dir"])
    tls = TlsFiles(ca=found.authority, certificate=found.certificate, key=found.key)
    return MeshConfig(nats=(tls_address(env),), tls=tls)
