"""The authority process: HTTPS API and mesh connection on one event loop, until a signal ends it."""

from __future__ import annotations

import asyncio
import ssl
from typing import Final

import uvicorn

from crossply_registry.api.patience import patient
from crossply_registry.authority.api.app import build
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.config import AuthorityConfig
from crossply_registry.authority.folder import Folder
from crossply_registry.authority.member import AuthorityProcess
from crossply_registry.http_protocol import Protocol
from crossply_registry.http_serving import listen, run, run_silently

_GRACE: Final = 1


async def serve(config: AuthorityConfig, stop: asyncio.Event | None = None) -> None:
    """Serve until SIGINT or SIGTERM, or ``stop``; raise one of ``authority.faults.FAULTS`` when it cannot."""
    process = AuthorityProcess(config)
    listener = listen(config.host, config.port, "CROSSPLY_AUTHORITY_LISTEN")
    await run(process, https_config(process.authority, config.folder), listener, stop)


async def answer_brokers(config: AuthorityConfig) -> None:
    """Answer brokers alone until SIGINT or SIGTERM; raise as ``serve`` does, and ``ValueError`` where none can ask."""
    authority = Authority(config)
    if not authority.is_asked:
        raise ValueError(
            "brokers cannot ask: callout.key is missing, which `crossply authority init` writes, or CROSSPLY_NATS_URL"
            " does not begin with tls://"
        )
    await run_silently(authority)


def https_config(authority: Authority, folder: Folder) -> uvicorn.Config:
    """Return how the API is served: over TLS 1.3 and nothing less."""
    config = uvicorn.Config(
        patient(build(authority)),
        http=Protocol,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        ssl_certfile=folder.tls,
        ssl_keyfile=folder.tls_key,
    )
    config.load()
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_3
    return config
