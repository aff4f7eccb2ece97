"""The registry process: HTTP API and mesh connection on one event loop, until a signal ends it."""

from __future__ import annotations

import asyncio
from typing import Final

import uvicorn

from crossply_registry.api.app import build
from crossply_registry.api.patience import patient
from crossply_registry.config import RegistryConfig
from crossply_registry.http_protocol import Protocol
from crossply_registry.http_serving import listen, run
from crossply_registry.registry import Registry

_GRACE: Final = 1


async def serve(config: RegistryConfig, stop: asyncio.Event | None = None) -> None:
    """Serve until SIGINT or SIGTERM, or ``stop``, through every absence of the broker but a first one that is too long.

    Raise ``Unavailable`` when the address is taken or no broker answers within ``connect_timeout``, and
    ``RecordFault`` when the stored history does not verify.
    """
    listener = listen(config.host, config.port, "CROSSPLY_REGISTRY_LISTEN")
    registry = Registry(config)
    await run(registry, http_config(registry), listener, stop)


def http_config(registry: Registry) -> uvicorn.Config:
    """Return how the API is served."""
    return uvicorn.Config(
        patient(build(registry)),
        http=Protocol,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )
