"""What a handler may ask about the call or event it serves: ``crossply.current()``."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crossply.clock import Clock, monotonic, of_loop
from crossply.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crossply.handler import Peer, Request

_EMPTY: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Current:
    """The call or event being served. ``deadline`` is on the monotonic clock, infinite for events."""

    operation: str
    peer: Peer
    deadline: float
    attempt: int
    delivery: int
    key: str | None
    metadata: Mapping[str, str]
    baggage: Mapping[str, str]
    idempotency_key: str | None
    traceparent: str | None
    tracestate: str | None
    now: Clock = field(default=monotonic, repr=False, compare=False)

    def remaining(self) -> float:
        """Return the seconds left; never below zero."""
        return max(0.0, self.deadline - self.now())

    @property
    def trace_id(self) -> str | None:
        """The trace this belongs to: 32 hexadecimal digits."""
        return self.traceparent.split("-")[1] if self.traceparent else None

    @property
    def span_id(self) -> str | None:
        """The span of this call: 16 hexadecimal digits."""
        return self.traceparent.split("-")[2] if self.traceparent else None


AMBIENT: ContextVar[Current | None] = ContextVar("crossply_current", default=None)
"""Set around every handler; what the layers read to inherit deadline, trace and baggage."""


def current() -> Current:
    """Return what is being served now; raise ``MeshError`` outside a handler."""
    serving = AMBIENT.get()
    if serving is None:
        raise MeshError("no call is being served here; crossply.current() works inside endpoints and event handlers")
    return serving


def serving(request: Request, peer: Peer) -> Current:
    """Return what ``current()`` gives while ``request`` is served."""
    return Current(
        request.operation,
        peer,
        request.deadline,
        request.attempt,
        request.delivery,
        request.key,
        request.metadata or _EMPTY,
        request.baggage or _EMPTY,
        request.idempotency_key,
        request.traceparent,
        request.tracestate,
        of_loop(),
    )
