"""The types of what protects a call: hedge, breaker, outlier, limit, warm-up; each is off until a document has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

P95: Final = "p95"
"""The word for a delay that follows what attempts take: 95 of 100 are answered sooner."""

After: TypeAlias = float | Literal["p95"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgePolicy:
    """When a second attempt joins one that takes long: after seconds, or what 95 of 100 attempts take."""

    enabled: bool = False
    after: After = P95


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """When calls to a subset stop: too small a share of successes over seconds, with enough calls; and for how long."""

    enabled: bool = False
    success: float = 0.8
    window: float = 10.0
    calls: int = 20
    pause: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierPolicy:
    """When an instance gets nothing for a while: failures in a row, seconds times ejections, a share at most."""

    enabled: bool = False
    failures: int = 5
    base: float = 5.0
    share: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPolicy:
    """How many attempts to a subset may be in flight, and how many may wait for one of them to end."""

    enabled: bool = False
    in_flight: int = 1024
    queue: int = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupPolicy:
    """How long a new instance takes to its full share of calls, and with which part of it it begins."""

    duration: float = 10.0
    floor: float = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeSpec:
    """The section `hedge` as said: it is on wherever it stands, unless it says otherwise."""

    enabled: bool = True
    after: After | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerSpec:
    """The section `breaker` as said: it is on wherever it stands, unless it says otherwise."""

    enabled: bool = True
    success: float | None = None
    window: float | None = None
    calls: int | None = None
    pause: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutlierSpec:
    """The section `outlier` as said: it is on wherever it stands, unless it says otherwise."""

    enabled: bool = True
    failures: int | None = None
    base: float | None = None
    share: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSpec:
    """The section `limit` as said: it is on wherever it stands, unless it says otherwise."""

    enabled: bool = True
    in_flight: int | None = None
    queue: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmupSpec:
    """The section `warmup` as said."""

    duration: float | None = None
    floor: float | None = None
