"""The first connection of a process: a broker that is not there yet is waited for, and the log says so once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply.errors import Unavailable

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.telemetry.logs import Logger
    from crossply.wire.link import Connect, Link, LinkConfig

ONE_TRY: Final = 2.0
_PAUSE: Final = 0.5


async def reached(connect: Connect, config: LinkConfig, within: float, now: Clock, log: Logger) -> Link:
    """Return a link; raise ``Unavailable`` when there is none ``within`` seconds, however often it was tried."""
    until = now() + within
    said = False
    while True:
        try:
            return await connect(config)
        except Unavailable as error:
            if now() + _PAUSE >= until:
                raise
            if not said:
                log.warning("broker_unreachable", why=error.message, retrying_for=within)
            said = True
        await asyncio.sleep(_PAUSE)
