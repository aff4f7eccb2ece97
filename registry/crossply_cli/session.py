"""A command's conversation with the registry: one client, one event loop, closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from crossply_cli.registry_api import RegistryApi, http_client
from crossply_cli.target import registry_url, start_hint, target

T = TypeVar("T")


def with_registry(ask: Callable[[RegistryApi], Awaitable[T]]) -> T:
    """Return what `ask` makes of the registry of this folder's mesh; raise Failure, ConfigError."""

    async def asking() -> T:
        config = target()
        base = registry_url(config)
        async with http_client(base) as client:
            return await ask(RegistryApi(client, base, start_hint(config, "CROSSPLY_REGISTRY_URL")))

    return asyncio.run(asking())
