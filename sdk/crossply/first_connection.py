"""The first connection of a process: it waits for a broker, and says that it does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from crossply.errors import Unavailable

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.telemetry.logs import Logger
    from crossply.wire.link import Connect, Link, LinkConfig

_PAUSE: Final = 0.5
_ONE_TRY: Final = 2.0


async def first_connection(connect: Connect, config: LinkConfig, now: Clock, log: Logger) -> Link:
    """Return a link; raise ``Unavailable`` when there is none within the configuration's ``connect_timeout``."""
    within = config.connect_timeout
    until = now() + within
    one_try = replace(config, connect_timeout=min(_ONE_TRY, within))
    said = False
    while True:
        try:
            return await connect(one_try)
        except Unavailable as error:
            if now() + _PAUSE >= until:
                raise
            if not said:
                log.warning("broker_unreachable", why=error.message, retrying_for=within)
            said = True
        await asyncio.sleep(_PAUSE)
