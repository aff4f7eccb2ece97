"""Turn what was raised into the reply that the caller will see; the only place that does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import CallError, EndpointFailed
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Callable


@layer
def rescue(inner: Handler, report: Callable[[Request, BaseException], None]) -> Handler:
    """Answer every exception; one that no layer raised on purpose is ``internal`` and goes to ``report``."""

    async def rescuing(request: Request) -> Response:
        try:
            return await inner(request)
        except CallError as error:
            return Response(failure=error)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, its caller gets an answer
            report(request, error)
            return Response(failure=EndpointFailed("", trace_id=request.traceparent and request.traceparent[3:35]))

    return rescuing
