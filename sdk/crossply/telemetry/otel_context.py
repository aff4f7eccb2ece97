"""Where a user's own OpenTelemetry spans meet those of the mesh; costs nothing while nobody imports OpenTelemetry.

A call continues the span that is current where it is made; what runs inside a handler has the handler's span for
its parent. Only the API is used, so any SDK behind it will do.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.handler import Request

_API: Final = "opentelemetry.trace"


def join(request: Request) -> str | None:
    """Return the trace context of the user's span that is current, ``None`` where there is none.

    Its trace state goes with the request, and so does the OpenTelemetry baggage around it.
    """
    if _API not in sys.modules:
        return None
    from crossply.telemetry import otel_ambient

    return otel_ambient.join(request)


def current_span() -> str | None:
    """Return the trace context of the user's span that is current, ``None`` where there is none."""
    if _API not in sys.modules:
        return None
    from crossply.telemetry import otel_ambient

    return otel_ambient.current_span()


def enter(request: Request) -> Callable[[], None] | None:
    """Make the span of a request being served the parent of the user's spans; return how to end that, if at all."""
    if _API not in sys.modules or request.traceparent is None:
        return None
    from crossply.telemetry import otel_ambient

    return otel_ambient.enter(request, request.traceparent)
