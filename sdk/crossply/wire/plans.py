"""How streams, consumers and buckets should be, and how far a consumer is."""

from __future__ import annotations

from dataclasses import dataclass

_DAY = 24 * 3600.0
_RETENTION = 7 * _DAY

KEPT_FOR = 600.0
"""Seconds for which a reply is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamPlan:
    """How the stream of a family should be; durations in seconds."""

    family: str
    replicas: int = 1
    retention: float = _RETENTION
    duplicate_window: float = 600.0
    max_bytes: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class RepliesPlan:
    """How a service's bucket of kept replies should be; ``age`` in seconds. When it is full the oldest go first."""

    service: str
    replicas: int = 1
    age: float = KEPT_FOR
    max_bytes: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialsPlan:
    """How the bucket of credentials should be; ``age`` in seconds: that of the default stream, and seven days."""

    replicas: int = 1
    age: float = _RETENTION + 7 * _DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerPlan:
    """How the durable consumer of a service on a channel pattern should be; ``ack_wait`` in seconds."""

    service: str
    pattern: str
    ack_wait: float = 30.0
    max_ack_pending: int = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerState:
    """What a durable consumer still holds."""

    pending: int
    ack_pending: int
    redelivered: int
