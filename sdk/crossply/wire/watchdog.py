"""Leaves a broker that has fallen silent, with unsent bytes or without: TCP alone would wait for minutes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.wire.connection import Connection

TICK: Final = 0.5
ASK_AFTER, LEAVE_AFTER = 2, 6
"""Ticks without a word: then a ping is sent, then the broker is left, three seconds after it fell silent."""


async def watch_for_ever(current: Callable[[], Connection | None]) -> None:
    """Count the ticks in which the broker said nothing; a loop that was blocked itself ticks once for all of it."""
    heard: tuple[Connection | None, int] = (None, 0)
    silent = 0
    while True:
        await asyncio.sleep(TICK)
        connection = current()
        if connection is None or not connection.open:
            silent = 0
            continue
        now = (connection, connection.heard)
        silent = silent + 1 if now == heard else 0
        heard = now
        if silent == ASK_AFTER:
            connection.ping()
        elif silent >= LEAVE_AFTER:
            silent = 0
            connection.abort(f"nothing was heard for {TICK * LEAVE_AFTER:g} s")
