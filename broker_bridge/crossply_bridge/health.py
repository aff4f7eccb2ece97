"""Whether the application beside this bridge is alive, asked again and again; it is in the mesh if so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from crossply.clock import Clock
from crossply.errors import CallError, MeshError
from crossply.telemetry.logs import get_logger
from crossply_bridge.sidecar import Application
from crossply_bridge.upstream import AppRequest

DEFAULT_PATH: Final = "/healthz"

_log: Final = get_logger("bridge")

_ALIVE: Final = range(200, 400)
_NO_SUCH_PATH: Final = 404

Probe: TypeAlias = Callable[[], Awaitable[str | None]]
"""Asks once; returns why the application counts as dead, ``None`` when it is alive."""


class Membership(Protocol):
    """A service's place in the mesh; ``Mesh`` has one."""

    async def withdraw(self) -> None:
        """Leave; return when running calls are finished."""
        ...

    async def rejoin(self) -> None:
        """Come back."""
        ...


@dataclass(slots=True)
class Health:
    """What a row of probes says: ``limit`` failures one after another make ill, one success makes well."""

    limit: int = 2
    healthy: bool = False
    failures: int = 0

    def observe(self, *, alive: bool) -> bool:
        """Take one probe's outcome; return whether the application is healthy now."""
        self.failures = 0 if alive else self.failures + 1
        if alive or self.failures >= self.limit:
            self.healthy = alive
        return self.healthy


def http_probe(application: Application, path: str, timeout: float, clock: Clock) -> Probe:
    """Return a probe that asks ``GET path``, for up to ``timeout`` seconds.

    A status from 200 to 399 is alive. So is 404 on the default path: the application answers, and has no page
    for its health.
    """

    async def probing() -> str | None:
        request = AppRequest("GET", path, [("user-agent", "crossply-bridge"), ("connection", "close")])
        try:
            reply = await application.send(request, clock() + timeout)
        except CallError as error:
            return error.message
        if reply.status in _ALIVE or (reply.status == _NO_SUCH_PATH and path == DEFAULT_PATH):
            return None
        return f"GET {path} answered {reply.status}"

    return probing


class HealthWatch:
    """Owns the task that probes, and takes the service out of the mesh and back."""

    def __init__(
        self,
        probe: Probe,
        membership: Membership,
        *,
        interval: float,
        health: Health | None = None,
        joined: bool = False,
    ) -> None:
        self._probe = probe
        self._membership = membership
        self._interval = interval
        self._health = health or Health()
        self._task: asyncio.Task[None] | None = None
        self._joined = joined

    @property
    def joined(self) -> bool:
        """Whether the service is in the mesh."""
        return self._joined

    async def until_healthy(self) -> None:
        """Probe until the application is healthy; the mesh is left alone."""
        said = False
        while (reason := await self._probe()) is not None:
            if not said:
                _log.warning("application_unhealthy", why=reason, next="waits outside the mesh")
            said = True
            await asyncio.sleep(self._interval)
        self._health.observe(alive=True)

    def start(self) -> None:
        """Go on probing, now that the service is in the mesh."""
        self._joined = True
        self._task = asyncio.get_running_loop().create_task(self._watching(), name="bridge-health")

    async def step(self) -> None:
        """Probe once and act on it; what the mesh refuses is tried again at the next step."""
        reason = await self._probe()
        healthy = self._health.observe(alive=reason is None)
        if healthy == self._joined:
            return
        try:
            if healthy:
                await self._membership.rejoin()
                _log.info("application_healthy", next="joins the mesh")
            else:
                _log.warning("application_unhealthy", why=reason, next="leaves the mesh")
                await self._membership.withdraw()
            self._joined = healthy
        except MeshError as error:
            _log.warning("membership_unchanged", why=str(error), next="tried again at the next probe")

    async def aclose(self) -> None:
        """Stop probing."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _watching(self) -> None:
        while True:
            try:
                await self.step()
            except Exception:  # noqa: BLE001 - a probe that failed to be made must not be the last one
                _log.error("health_watch_failed", exc_info=True)
            await asyncio.sleep(self._interval)
