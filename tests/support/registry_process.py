"""A registry in a process of its own, and its HTTP API."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.broker import free_port
from tests.support.program import Program
from tests.support.waiting import eventually_awaited

_READY_WITHIN = 20.0


class RegistryProcess:
    """``python -m crossply_registry`` on a free port; ``environ`` adds to its configuration."""

    def __init__(self, directory: Path, nats: str, **environ: str) -> None:
        self.port = free_port()
        self.program = Program(
            directory,
            "-m",
            "crossply_registry",
            environ={
                "CROSSPLY_NATS_URL": nats,
                "CROSSPLY_REGISTRY_LISTEN": f"127.0.0.1:{self.port}",
                "CROSSPLY_LOG_FORMAT": "json",
                **environ,
            },
        )
        self.api = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)

    async def ready(self) -> Self:
        """Wait until it says that it is ready."""
        await eventually_awaited(self.is_ready, _READY_WITHIN)
        return self

    async def is_ready(self) -> bool:
        """Ask whether it is ready; raise when it has ended."""
        if self.program.code is not None:
            raise AssertionError(f"the registry ended with {self.program.code}: {self.program.log}")
        return await self.answers("/readyz")

    async def answers(self, path: str) -> bool:
        """Say whether a path is answered with success."""
        try:
            return (await self.api.get(path)).is_success
        except httpx.TransportError:
            return False

    async def put(self, service: str, spec: dict[str, Any], etag: str | None = None) -> httpx.Response:
        """Create a Service document, or change the one with that ETag."""
        headers = {"If-None-Match": "*"} if etag is None else {"If-Match": etag}
        return await self.api.put(f"/v1/documents/Service/{service}", json={"spec": spec}, headers=headers)

    async def allow(self, document: dict[str, Any]) -> None:
        """Write an Access document."""
        await self.apply("Access", document["name"], document["spec"])

    async def apply(self, kind: str, name: str, spec: dict[str, Any]) -> int:
        """Write a document whatever was there; return the revision that it has."""
        path = f"/v1/documents/{kind}/{name}"
        known = await self.api.get(path)
        headers = {"If-Match": known.headers["ETag"]} if known.is_success else {"If-None-Match": "*"}
        answer = await self.api.put(path, json={"spec": spec}, headers=headers)
        answer.raise_for_status()
        revision: int = answer.json()["revision"]
        return revision

    async def allow_all(self) -> int:
        """Let everybody do everything; return the revision."""
        channels = [{"channel": f"{family}.>", "actions": ["publish", "subscribe"]} for family in ("orders", "billing")]
        spec = {"effect": "allow", "from": ["*"], "to": [{"service": "*"}, *channels]}
        return await self.apply("Access", "dev-allow-all", spec)

    async def status(self) -> dict[str, Any]:
        """Return its status."""
        answer = await self.api.get("/v1/status")
        answer.raise_for_status()
        said: dict[str, Any] = answer.json()
        return said

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.api.aclose()
        self.program.__exit__(kind, error, trace)
