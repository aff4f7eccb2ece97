"""All policy, compiled: one immutable value that a data plane adopts by one assignment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from crossply_policy.access.rules import Access
from crossply_policy.documents import (
    AdmissionPolicy,
    BalancePolicy,
    DrainPolicy,
    RetryPolicy,
    TelemetryPolicy,
    TimeoutPolicy,
)
from crossply_policy.protection import BreakerPolicy, HedgePolicy, LimitPolicy, OutlierPolicy, WarmupPolicy
from crossply_policy.rate_limit import RateLimits
from crossply_policy.security import Securities
from crossply_policy.traffic import Condition, RouteTimeoutSpec, TrafficPolicy

MESH: Final = "mesh"
"""The name of what is said of all services."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """All policy for one endpoint of one service; where `retry` has no attempts, hedges still spend its budget."""

    timeout: TimeoutPolicy = field(default_factory=TimeoutPolicy)
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    balance: BalancePolicy = field(default_factory=BalancePolicy)
    hedge: HedgePolicy = field(default_factory=HedgePolicy)
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    outlier: OutlierPolicy = field(default_factory=OutlierPolicy)
    limit: LimitPolicy = field(default_factory=LimitPolicy)
    warmup: WarmupPolicy = field(default_factory=WarmupPolicy)
    drain: DrainPolicy = field(default_factory=DrainPolicy)
    admission: AdmissionPolicy = field(default_factory=AdmissionPolicy)
    idempotent: bool | None = None
    traffic: TrafficPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A route of a `Traffic` document: for which endpoints and callers (None: all), on which condition, and what.

    `source` is where it stands: `Traffic/orders routes[0]`.
    """

    source: str
    endpoints: frozenset[str] | None
    callers: frozenset[str] | None
    condition: Condition
    timeout: RouteTimeoutSpec | None
    traffic: TrafficPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The routes of one revision; made by `compile_snapshot`, never changed.

    `guarded` says whether any `Access` document is in force in the mesh, be it one that is not in `access` here.
    """

    generation: int = 0
    revision: int = 0
    default: Route = field(default_factory=Route)
    services: Mapping[str, Route] = field(default_factory=lambda: MappingProxyType({}))
    endpoints: Mapping[tuple[str, str], Route] = field(default_factory=lambda: MappingProxyType({}))
    traffic: Mapping[str, tuple[Rule, ...]] = field(default_factory=lambda: MappingProxyType({}))
    telemetry: Mapping[str, TelemetryPolicy] = field(default_factory=lambda: MappingProxyType({}))
    rate_limits: RateLimits = field(default_factory=RateLimits)
    security: Securities = field(default_factory=Securities)
    access: Access = field(default_factory=Access)
    guarded: bool = False

    def route(self, service: str, endpoint: str) -> Route:
        """Return the route of one endpoint: the same object every time, by at most two lookups."""
        route = self.endpoints.get((service, endpoint))
        return route if route is not None else self.services.get(service, self.default)

    def kept_by(self, service: str) -> TelemetryPolicy:
        """Return what a service keeps of what happens in it."""
        return self.telemetry.get(service) or self.telemetry.get(MESH) or TelemetryPolicy()
