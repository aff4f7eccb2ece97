"""Bridges inside the test's own process, on ports the system chooses, with an HTTP client for each."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping

import httpx

from crossply_bridge.bridge import Bridge
from crossply_bridge.config import BridgeConfig
from tests.support.waiting import eventually


class RunningBridge:
    """A bridge and a client that asks it; ``http`` raises without a listener."""

    def __init__(self, bridge: Bridge, joining: asyncio.Task[None]) -> None:
        self.bridge = bridge
        self.joining = joining
        self.http = httpx.AsyncClient(base_url=f"http://{bridge.address}", timeout=10.0, trust_env=False)

    async def ready(self) -> None:
        """Return when it can serve."""
        await eventually(lambda: self.bridge.not_ready() is None, 10.0)


@contextlib.asynccontextmanager
async def running_bridge(environ: Mapping[str, str], *, wait: bool = True) -> AsyncGenerator[RunningBridge]:
    """Run one as its process would; return at once unless it is worth waiting for."""
    bridge = Bridge(BridgeConfig.from_mapping(environ))
    await bridge.listen()
    joining = asyncio.get_running_loop().create_task(bridge.join())
    running = RunningBridge(bridge, joining)
    try:
        if wait:
            await running.ready()
        yield running
    finally:
        await running.http.aclose()
        joining.cancel()
        await asyncio.gather(joining, return_exceptions=True)
        await bridge.aclose()


def gateway_on(broker: str, **more: str) -> dict[str, str]:
    """Return the environment of a gateway."""
    return {"CROSSPLY_NATS_URL": broker, "CROSSPLY_BRIDGE_LISTEN": "127.0.0.1:0", **more}


def sidecar_on(broker: str, app: str, **more: str) -> dict[str, str]:
    """Return the environment of a sidecar that makes an application the service `stock`."""
    return {
        "CROSSPLY_NATS_URL": broker,
        "CROSSPLY_BRIDGE_MODE": "sidecar",
        "CROSSPLY_SERVICE": "stock",
        "CROSSPLY_APP_URL": app,
        "CROSSPLY_APP_HEALTH_INTERVAL": "0.05",
        **more,
    }
