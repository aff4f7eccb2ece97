"""``/healthz`` and ``/readyz``: does the process live, can it do its work."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from crossply_registry.api.bodies import HealthBody
from crossply_registry.api.problems import ApiFault, refusals
from crossply_registry.registry import Registry


@get("/healthz", tags=["health"])
async def live() -> HealthBody:
    """Say that the process lives."""
    return HealthBody(status="ok")


@get("/readyz", tags=["health"], responses=refusals(503))
async def ready(registry: NamedDependency[Registry]) -> HealthBody:
    """Say that the broker is connected, the history read and followed."""
    parts = registry.parts
    reasons = [] if parts.link.connected else ["broker is not connected"]
    if parts.revisions.fault:
        reasons.append(f"history is refused: {parts.revisions.fault}")
    if reasons:
        raise ApiFault(503, "; ".join(reasons), headers={"Retry-After": "1"})
    return HealthBody(status="ok")
