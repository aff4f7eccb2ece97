"""How renewals and questions for keys reach the authority: as calls, to whichever replica gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply.handler import BYTES, Request
from crossply.names import new_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.clock import Clock
    from crossply.handler import Handler

RENEW: Final = "authority.renew"
KEYS: Final = "authority.keys"
_WITHIN: Final = 10.0


def asking(
    outbound: Callable[[str], Handler], now: Clock, operation: str = RENEW
) -> Callable[[bytes], Awaitable[bytes]]:
    """Return what sends a renewal, or a question, and returns the answer to it, or raises ``CallError``."""

    async def ask(body: bytes) -> bytes:
        request = Request(operation, body, BYTES, id=new_id())
        request.deadline = now() + _WITHIN
        return (await outbound(operation)(request)).body

    return ask
