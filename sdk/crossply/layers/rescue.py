"""Turn what was raised into the reply that the caller will see; the only place that does."""

from __future__ import annotations

import asyncio
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
        except BaseException as error:
            if _is_ours(error):
                raise
            report(request, error)
            return Response(failure=EndpointFailed("", trace_id=request.traceparent and request.traceparent[3:35]))

    return rescuing


def _is_ours(error: BaseException) -> bool:
    """Whether it is meant for those who run the handler: they stop it, or the whole process is stopped.

    A handler that awaits a task which was cancelled raises the same CancelledError as one that is cancelled itself.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is not None and task.cancelling() > 0
    return isinstance(error, (KeyboardInterrupt, GeneratorExit))
