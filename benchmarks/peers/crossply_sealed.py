"""Crossply with every message sealed, as between processes that joined an authority: a key in a scratch folder."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.peer import answer, ask
from benchmarks.vouched import keyring
from crossply.config import MeshConfig
from crossply.wire import connect as connect_nats
from crossply.wire.link import Connect, Link, LinkConfig

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]


async def serve(env: dict[str, Any]) -> None:
    """Be the callee until cancelled; say ``ready`` once it can be called."""
    _key(env).write_bytes(Ed25519PrivateKey.generate().private_bytes_raw())
    await answer(MeshConfig(nats=(env["nats"],)), _sealing(env))


async def connect(env: dict[str, Any]) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    return await ask(MeshConfig(nats=(env["nats"],)), _sealing(env))


def _key(env: dict[str, Any]) -> Path:
    return Path(env["dir"]) / "authority.key"


def _sealing(env: dict[str, Any]) -> Connect:
    authority = Ed25519PrivateKey.from_private_bytes(_key(env).read_bytes())

    async def connected(config: LinkConfig) -> Link:
        return await connect_nats(replace(config, keys=keyring(authority, config.service, config.instance)))

    return connected
