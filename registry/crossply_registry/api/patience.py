"""How long the API waits for a request's body: no client may hold a request open for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from crossply_registry.api.problems import ApiFault

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

BODY_WITHIN: Final = 10.0
"""Seconds for a request's body, from its head."""


def patient(app: ASGIApp, within: float = BODY_WITHIN) -> ASGIApp:
    """Return the application with a bound on the wait for a body; beyond it a 408, and the connection ends."""

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        deadline = asyncio.get_running_loop().time() + within
        whole = False

        async def receiving() -> Any:
            nonlocal whole
            if whole:  # what follows is that the client goes away, whenever that is
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message: Any = await receive()
            except TimeoutError:
                detail = f"body did not arrive within {within:g} s of the head"
                raise ApiFault(408, detail, headers={"Connection": "close"}) from None
            whole = not message.get("more_body", False)
            return message

        await app(scope, receiving, send)

    return waiting
