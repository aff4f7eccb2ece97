"""The types of `Traffic`: what a document says of the calls to a service, and what of it holds for some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, TypeAlias

Labels: TypeAlias = frozenset[tuple[str, str]]
"""Names with values; an instance has them all or is not meant."""
Condition: TypeAlias = tuple[tuple[str, str], ...]
"""Exact values that a call's metadata must have; none for every call."""

CODES: Final = (
    "unavailable",
    "overloaded",
    "circuit_open",
    "rate_limited",
    "unauthenticated",
    "permission_denied",
    "not_found",
    "invalid_argument",
    "payload_too_large",
    "deadline_exceeded",
    "disconnected",
    "integrity_failed",
    "aborted",
    "failed_precondition",
    "already_exists",
    "out_of_range",
    "unimplemented",
    "internal",
)
"""The codes that a call may be made to fail with: all but ok."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchSpec:
    """The section `match` as said: whom a route is for; None and no metadata mean all."""

    endpoints: frozenset[str] | None = None
    callers: frozenset[str] | None = None
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorSpec:
    """The section `mirror` as said: a service or an operation, or a subset; and what share is copied."""

    to: str | None = None
    subset: str | None = None
    percentage: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortSpec:
    """The section `fault.abort` as said."""

    percentage: float | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DelaySpec:
    """The section `fault.delay` as said."""

    percentage: float | None = None
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpec:
    """The section `fault` as said."""

    abort: AbortSpec | None = None
    delay: DelaySpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteTimeoutSpec:
    """The section `timeout` of a route as said."""

    total: float | None = None
    attempt: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSpec:
    """One of `routes` as said: for whom, and what becomes of their calls."""

    match: MatchSpec | None = None
    split: Mapping[str, float] | None = None
    mirror: MirrorSpec | None = None
    fault: FaultSpec | None = None
    redirect: str | None = None
    timeout: RouteTimeoutSpec | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficSpec:
    """What a `Traffic` document says; of its routes the first that matches a call holds."""

    subsets: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: MappingProxyType({}))
    routes: tuple[RouteSpec, ...] = ()
    failover: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorPolicy:
    """Where copies go (a service, an operation, or nothing for the call's own; a subset of it), and how many."""

    to: str | None = None
    subset: str | None = None
    percentage: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AbortPolicy:
    """What share of attempts fails, and with which code."""

    percentage: float
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DelayPolicy:
    """What share of attempts is held back, and for how many seconds."""

    percentage: float
    duration: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPolicy:
    """What is done to attempts, by which document."""

    document: str
    abort: AbortPolicy | None = None
    delay: DelayPolicy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficPolicy:
    """What `Traffic` asks of some calls to one endpoint; what is None or empty needs no layer."""

    subsets: Mapping[str, Labels] = field(default_factory=lambda: MappingProxyType({}))
    split: Mapping[str, float] | None = None
    mirror: MirrorPolicy | None = None
    fault: FaultPolicy | None = None
    failover: tuple[str, ...] = ()
    redirect: str | None = None


def labelled(labels: Mapping[str, str], *, version: str, zone: str) -> dict[str, str]:
    """Return the labels of an instance, its version and zone among them unless it gives these names itself."""
    return {"version": version, "zone": zone, **labels}


def operation_at(target: str, endpoint: str) -> str:
    """Return the operation that a service or an operation names, for a call to an endpoint."""
    return target if "." in target else f"{target}.{endpoint}"
