"""``/healthz`` and ``/readyz``: does the process live, can it do its work."""

from __future__ import annotations

from litestar import get
from litestar.di import NamedDependency

from crossply_registry.api.bodies import HealthBody
from crossply_registry.api.problems import ApiFault, refusals
from crossply_registry.authority.authority import Authority


@get("/healthz", tags=["health"])
async def live() -> HealthBody:
    """Say that the process lives."""
    return HealthBody(status="ok")


@get("/readyz", tags=["health"], responses=refusals(503))
async def ready(authority: NamedDependency[Authority]) -> HealthBody:
    """Say that the broker is connected and the issuer agreed on."""
    if not authority.parts.link.connected:
        raise ApiFault(503, "broker is not connected", headers={"Retry-After": "1"})
    return HealthBody(status="ok")
