"""The types of the language: policies are complete, specs hold None where a document is silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from crossply_policy.access.spec import AccessSpec
from crossply_policy.protection import BreakerSpec, HedgeSpec, LimitSpec, OutlierSpec, WarmupSpec
from crossply_policy.rate_limit import RateLimitSpec
from crossply_policy.security import SecuritySpec
from crossply_policy.traffic import TrafficSpec

RETRIED: Final = frozenset({"unavailable", "overloaded", "disconnected", "deadline_exceeded", "internal"})
"""The codes after which an idempotent call is tried again where no document speaks."""

Method: TypeAlias = Literal["least_latency", "round_robin", "hash", "queue"]
Zone: TypeAlias = Literal["first", "any"]
LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutPolicy:
    """Seconds that a call, an attempt and a silent stream may last; the caller derives an attempt of None."""

    total: float = 5.0
    attempt: float | None = None
    idle: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetPolicy:
    """How many further attempts a caller may add: a share of its calls and a floor a second, over seconds."""

    ratio: float = 0.2
    floor: float = 10.0
    window: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How many further attempts, how far apart (full jitter, base seconds doubling), on which codes."""

    attempts: int = 2
    base: float = 0.025
    on: frozenset[str] = RETRIED
    budget: BudgetPolicy = field(default_factory=BudgetPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class BalancePolicy:
    """Who chooses the instance, and how; whether its own zone's first; the healthy share below which all are used."""

    method: Method = "least_latency"
    zone: Zone = "first"
    panic: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainPolicy:
    """How long an instance that stops may take to finish what it runs, in seconds."""

    timeout: float = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionPolicy:
    """How many calls an instance runs at a time, and how many wait beside them; no limit of its own is None."""

    adaptive: bool = True
    limit: int | None = None
    queue: int = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryPolicy:
    """What a service keeps of what happens: the share of traces that begin there, and calls slower than seconds.

    A log level of None leaves it to the process's own configuration.
    """

    sampling: float = 0.01
    slow: float = 1.0
    log_level: LogLevel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutSpec:
    """The section `timeout` as said."""

    total: float | None = None
    attempt: float | None = None
    idle: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpec:
    """The section `retry.budget` as said."""

    ratio: float | None = None
    floor: float | None = None
    window: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySpec:
    """The section `retry` as said."""

    attempts: int | None = None
    base: float | None = None
    on: frozenset[str] | None = None
    budget: BudgetSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceSpec:
    """The section `balance` as said."""

    method: Method | None = None
    zone: Zone | None = None
    panic: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainSpec:
    """The section `drain` as said."""

    timeout: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionSpec:
    """The section `admission` as said."""

    adaptive: bool | None = None
    limit: int | None = None
    queue: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """What a `Service` document says of one endpoint."""

    timeout: TimeoutSpec | None = None
    retry: RetrySpec | None = None
    balance: BalanceSpec | None = None
    hedge: HedgeSpec | None = None
    breaker: BreakerSpec | None = None
    outlier: OutlierSpec | None = None
    limit: LimitSpec | None = None
    warmup: WarmupSpec | None = None
    idempotent: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """What a `Service` document says: of all endpoints, and of single ones under their names."""

    timeout: TimeoutSpec | None = None
    retry: RetrySpec | None = None
    balance: BalanceSpec | None = None
    hedge: HedgeSpec | None = None
    breaker: BreakerSpec | None = None
    outlier: OutlierSpec | None = None
    limit: LimitSpec | None = None
    warmup: WarmupSpec | None = None
    drain: DrainSpec | None = None
    admission: AdmissionSpec | None = None
    idempotent: bool | None = None
    endpoints: Mapping[str, EndpointSpec] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class DefaultsSpec:
    """What the document `Defaults/mesh` says: the floor that every service starts from."""

    timeout: TimeoutSpec | None = None
    retry: RetrySpec | None = None
    balance: BalanceSpec | None = None
    hedge: HedgeSpec | None = None
    breaker: BreakerSpec | None = None
    outlier: OutlierSpec | None = None
    limit: LimitSpec | None = None
    warmup: WarmupSpec | None = None
    drain: DrainSpec | None = None
    admission: AdmissionSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySpec:
    """What a `Telemetry` document says: of one service, or of all where its name is `mesh`."""

    sampling: float | None = None
    slow: float | None = None
    log_level: LogLevel | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document: its kind, its name (unique within the kind) and what it says."""

    kind: str
    name: str
    spec: DefaultsSpec | ServiceSpec | RateLimitSpec | TelemetrySpec | TrafficSpec | AccessSpec | SecuritySpec

    @property
    def key(self) -> str:
        """Return `kind/name`, which is unique in a mesh."""
        return f"{self.kind}/{self.name}"
