"""How renewals reach the authority: as a call, to whichever replica gets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply.handler import BYTES, Request
from crossply.names import new_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.clock import Clock
    from crossply.handler import Handler

RENEW: Final = "authority.renew"
_WITHIN: Final = 10.0


def asking(outbound: Callable[[str], Handler], now: Clock) -> Callable[[bytes], Awaitable[bytes]]:
    """Return what sends a renewal and returns the answer to it, or raises ``CallError``."""

    async def ask(renewal: bytes) -> bytes:
        request = Request(RENEW, renewal, BYTES, id=new_id())
        request.deadline = now() + _WITHIN
        return (await outbound(RENEW)(request)).body

    return ask
