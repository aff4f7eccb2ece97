"""One timer for many deadlines, most of which are never reached.

It is set to the earliest deadline that it was told of; what ends before its deadline is not taken back. So a
deadline costs a comparison, and the timer rings a little more often than it must.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock

_LEAST_PAUSE = 0.001


class Alarm:
    """Calls ``sweep(now)`` at the earliest deadline; that returns the earliest of those left, or infinity.

    ``at`` is when it rings: who has a later deadline need not ask.
    """

    def __init__(self, sweep: Callable[[float], float], now: Clock) -> None:
        self._sweep = sweep
        self._now = now
        self._timer: asyncio.TimerHandle | None = None
        self.at = math.inf

    def by(self, deadline: float, now: float) -> None:
        """Ring at ``deadline`` at the latest."""
        if deadline < self.at:
            self.cancel()
            self.at = deadline
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(_LEAST_PAUSE, deadline - now), self._ring)

    def _ring(self) -> None:
        self._timer, self.at = None, math.inf
        now = self._now()
        self.by(self._sweep(now), now)

    def cancel(self) -> None:
        """Ring no more."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self.at = None, math.inf
