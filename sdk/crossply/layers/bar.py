"""Refuse whoever is barred: the authority revoked that identity, and what the message shows does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import Unauthenticated
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Awaitable


@layer
def bar(inner: Handler, barred: frozenset[str]) -> Handler:
    """Refuse requests of the identities in ``barred``."""

    def barring(request: Request) -> Awaitable[Response]:
        if request.peer is not None and request.peer.identity in barred:
            raise Unauthenticated(
                f"{request.operation}: {request.peer.identity} is revoked;"
                f" `crossply identity restore {request.peer.service}` lets it join again"
            )
        return inner(request)

    return barring
