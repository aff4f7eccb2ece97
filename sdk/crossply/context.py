"""What a handler may ask about the call or event it serves: ``crossply.current()``."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from crossply.clock import of_loop
from crossply.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crossply.handler import Peer, Request

_EMPTY: Mapping[str, str] = {}


class Current:
    """The call or event being served. ``deadline`` is on the monotonic clock, infinite for events."""

    __slots__ = ("_request", "peer")

    def __init__(self, request: Request, peer: Peer) -> None:
        self._request = request
        self.peer = peer

    @property
    def operation(self) -> str:
        """What was called, ``service.endpoint``; the channel, for events."""
        return self._request.operation

    @property
    def deadline(self) -> float:
        """When the caller stops waiting."""
        return self._request.deadline

    @property
    def attempt(self) -> int:
        """Which attempt of the call this is, from 1."""
        return self._request.attempt

    @property
    def delivery(self) -> int:
        """Which delivery of the event this is, from 1."""
        return self._request.delivery

    @property
    def key(self) -> str | None:
        """What the caller gave as ``key``."""
        return self._request.key

    @property
    def metadata(self) -> Mapping[str, str]:
        """The caller's own words."""
        return self._request.metadata or _EMPTY

    @property
    def baggage(self) -> Mapping[str, str]:
        """What travels along the whole chain of calls."""
        return self._request.baggage or _EMPTY

    @property
    def idempotency_key(self) -> str | None:
        """What tells a repeated call from a new one."""
        return self._request.idempotency_key

    @property
    def traceparent(self) -> str | None:
        """The W3C trace context of this call."""
        return self._request.traceparent

    @property
    def tracestate(self) -> str | None:
        """What belongs to the trace context, of other vendors."""
        return self._request.tracestate

    def remaining(self) -> float:
        """Return the seconds left; never below zero."""
        return max(0.0, self.deadline - of_loop()())

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
