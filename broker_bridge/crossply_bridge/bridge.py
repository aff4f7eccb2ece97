"""A bridge: the mesh on one side, HTTP on the other, and the order in which they begin and end."""

from __future__ import annotations

import asyncio
from typing import Final

from crossply import __version__
from crossply.clock import monotonic
from crossply.errors import CallError, MeshError, Unavailable
from crossply.handler import Handler
from crossply.mesh import Mesh
from crossply.telemetry import prometheus
from crossply.telemetry.logs import get_logger
from crossply_bridge.app_pool import PoolLimits
from crossply_bridge.config import AppConfig, BridgeConfig, ListenAddress
from crossply_bridge.gateway import Gateway, Scraped
from crossply_bridge.health import HealthWatch, http_probe
from crossply_bridge.http_server import HttpServer
from crossply_bridge.sidecar import endpoints
from crossply_bridge.upstream import Upstream

_log: Final = get_logger("bridge")


class Bridge:
    """Everything that lives between ``start`` and ``aclose``."""

    def __init__(self, config: BridgeConfig, mesh: Mesh | None = None) -> None:
        self._config = config
        self.mesh = mesh or Mesh(config.service, version=__version__, kind="bridge", config=config.mesh)
        self._http: HttpServer | None = None
        self._app = Beside(config.app, self.mesh) if config.app is not None else None
        self._closing = False
        self.address: ListenAddress | None = None

    async def listen(self) -> None:
        """Take HTTP where the configuration says so; raise ``Unavailable`` when the address cannot be had."""
        wanted = self._config.listen
        if wanted is None:
            return
        scraped = Scraped(self._metrics, self._config.metrics)
        gateway = Gateway(self._outbound, self.not_ready, self._config.trust, scraped=scraped)
        self._http = HttpServer(gateway.exchange, self._config.limits)
        try:
            self.address = ListenAddress(*await self._http.listen(wanted.host, wanted.port))
        except OSError as error:
            raise Unavailable(f"cannot listen on {wanted}: {error}; set CROSSPLY_BRIDGE_LISTEN") from error
        _log.info("listening", address=str(self.address), mode=str(self._config.mode))

    async def join(self) -> None:
        """Come into the mesh, beside an application once that is healthy; raise ``Unavailable``."""
        if self._app is not None:
            await self._app.watch.until_healthy()
        await self.mesh.start()
        if self._app is not None:
            self._app.watch.start()
        _log.info("joined", service=self.mesh.service, instance=self.mesh.instance)

    def not_ready(self) -> str | None:
        """Say why the bridge cannot serve now; ``None`` when it can."""
        if self._closing:
            return "bridge is stopping"
        if self._app is not None and not self._app.watch.joined:
            return "application is not healthy"
        try:
            connected = self.mesh.status()["connected"]
        except MeshError:
            return "bridge has not reached the broker yet"
        return None if connected else "bridge has lost the broker and tries to reach it again"

    async def aclose(self) -> None:
        """Take nothing new from either side, finish what runs for up to ``drain`` seconds, and leave."""
        self._closing = True
        until = monotonic() + self._config.drain
        if self._app is not None:
            # The mesh's side first: what the application works on may still call out through this bridge.
            await self._app.watch.aclose()
            await self._withdraw(until)
        if self._http is not None:
            await self._http.aclose(max(0.0, until - monotonic()))
        await self.mesh.stop()
        if self._app is not None:
            await self._app.upstream.aclose()
            await self._app.asking.aclose()

    async def _withdraw(self, until: float) -> None:
        try:
            async with asyncio.timeout(until - monotonic()):
                await self.mesh.withdraw()
        except TimeoutError:
            _log.warning("drain_incomplete")
        except MeshError:
            return  # it never came in

    def _metrics(self) -> bytes:
        """Return what this bridge counted; nothing before it is in the mesh."""
        try:
            running = self.mesh.running
        except MeshError:
            return prometheus.text([], {})
        return prometheus.text(running.recorder.edges(), {}, running.outflow.counts())

    def _outbound(self, operation: str) -> Handler:
        try:
            return self.mesh.outbound(operation)
        except CallError:
            raise
        except MeshError as error:
            raise Unavailable(self.not_ready() or "bridge is not in the mesh") from error


class Beside:
    """The application beside a sidecar: what carries exchanges to it, and what watches it.

    Its health is asked over a connection apart from the pool, so that a full pool does not look like illness.
    """

    def __init__(self, config: AppConfig, mesh: Mesh) -> None:
        self.upstream = Upstream(config.address, pool=config.pool, connect_timeout=config.connect_timeout)
        self.asking = Upstream(config.address, pool=PoolLimits(connections=1), connect_timeout=config.connect_timeout)
        probe = http_probe(self.asking, config.health, config.health_timeout, monotonic)
        self.watch = HealthWatch(probe, mesh, interval=config.health_interval)
        for name, (handler, facts) in endpoints(self.upstream).items():
            mesh.serve_handler(name, handler, facts=facts)
