"""Go by the access policy: refuse what may not be, and name the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crossply.access.guard import Check


@layer
def permit(inner: Handler, check: Check) -> Handler:
    """Let pass what ``check`` raises nothing for."""

    def permitting(request: Request) -> Awaitable[Response]:
        check(request)
        return inner(request)

    return permitting
