"""Meshes of one test: each on the test's broker, all stopped when it ends."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from crossply import Mesh
from crossply.config import MeshConfig
from tests.support.broker import Broker


class Meshes:
    """Makes services of one mesh and remembers which ones run."""

    def __init__(self, broker: Broker) -> None:
        self._config = MeshConfig(nats=(broker.url,), connect_timeout=10.0)
        self._running = AsyncExitStack()

    def new(self, service: str, *, kind: str = "service", version: str = "1.2.3", **config: Any) -> Mesh:
        """Return a mesh that does not run yet, to declare on; ``config`` are fields of MeshConfig."""
        return Mesh(service, kind=kind, version=version, config=replace(self._config, **config))

    async def start(self, *meshes: Mesh) -> None:
        """Start each; what the test does not stop, its end does."""
        for mesh in meshes:
            await mesh.start()
            self._running.push_async_callback(mesh.stop)

    async def client(self, service: str = "caller", **config: Any) -> Mesh:
        """Return a running mesh that only calls and publishes."""
        mesh = self.new(service, **config)
        await self.start(mesh)
        return mesh

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()
