"""Crossply: services that call each other and exchange events over NATS, governed by live policy."""

from __future__ import annotations

from crossply.context import Current, current
from crossply.errors import (
    CallError,
    CircuitOpen,
    Code,
    ConfigError,
    DeadlineExceeded,
    Disconnected,
    EndpointFailed,
    Executed,
    IntegrityFailed,
    InvalidArgument,
    MeshError,
    NotFound,
    Origin,
    Overloaded,
    PayloadTooLarge,
    PermissionDenied,
    RateLimited,
    Refused,
    Unauthenticated,
    Unavailable,
)
from crossply.event import Event
from crossply.handler import Facts, Handler, Layer, Peer, Request, Response, compose, layer
from crossply.mesh import Mesh

__version__ = "0.1.0"

__all__ = [
    "CallError",
    "CircuitOpen",
    "Code",
    "ConfigError",
    "Current",
    "DeadlineExceeded",
    "Disconnected",
    "EndpointFailed",
    "Event",
    "Executed",
    "Facts",
    "Handler",
    "IntegrityFailed",
    "InvalidArgument",
    "Layer",
    "Mesh",
    "MeshError",
    "NotFound",
    "Origin",
    "Overloaded",
    "PayloadTooLarge",
    "Peer",
    "PermissionDenied",
    "RateLimited",
    "Refused",
    "Request",
    "Response",
    "Unauthenticated",
    "Unavailable",
    "__version__",
    "compose",
    "current",
    "layer",
]
