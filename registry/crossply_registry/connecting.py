"""The first connection of a control-plane process: it waits for a broker, and says that it does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from crossply.errors import Unavailable
from crossply.telemetry.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.clock import Clock
    from crossply.wire.link import LinkConfig

T = TypeVar("T")

TRY_AGAIN: Final = 0.25
_FIRST_TRY: Final = 0.5
"""Short, as a broker that waits for its authority to start answers the next try sooner than this one."""
_LONGEST_TRY: Final = 5.0
_log = get_logger("registry")


async def connected(
    connect: Callable[[LinkConfig], Awaitable[T]], config: LinkConfig, within: float, clock: Clock
) -> T:
    """Return a link, or what else connects; raise ``Unavailable`` when there is none in time, however often tried."""
    deadline = clock() + within
    one_try = _FIRST_TRY
    while True:
        left = deadline - clock()
        try:
            return await connect(replace(config, connect_timeout=max(0.1, min(one_try, left))))
        except Unavailable as error:
            if clock() + TRY_AGAIN >= deadline:
                raise Unavailable(f"waited {within:g} s in vain: {error.message}") from error
            one_try = min(2 * one_try, _LONGEST_TRY)
            _log.warning("waiting_for_broker", reason=error.message, seconds_left=round(left, 1))
            await asyncio.sleep(TRY_AGAIN)
