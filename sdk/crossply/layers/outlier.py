"""Tell how each attempt at an instance ended, so that one that keeps failing is left out for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.handler import Handler, Request, Response, layer
from crossply.routing.verdict import verdict

if TYPE_CHECKING:
    from crossply.routing.outliers import Outliers


@layer
def outlier(inner: Handler, outliers: Outliers) -> Handler:
    """Tell ``outliers``; it is ``balance`` that asks them whom to choose."""

    async def watching(request: Request) -> Response:
        try:
            response = await inner(request)
        except BaseException as error:
            works = verdict(error)
            if works is None:
                outliers.gave_up(request)
            elif works:
                outliers.succeeded(request)
            else:
                outliers.failed(request)
            raise
        if outliers.watched:
            outliers.succeeded(request)
        return response

    return watching
