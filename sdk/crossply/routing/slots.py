"""Attempts in flight to one subset, bounded, and those that wait in line for one of them to end."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply_policy.protection import LimitPolicy


class Slots:
    """``in_flight`` of at most ``policy.in_flight``; whoever waits is served in the order of coming."""

    def __init__(self, policy: LimitPolicy, now: Clock) -> None:
        self.policy = policy
        self.in_flight = 0
        self.refused = 0
        self._now = now
        self._line: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._line)

    def take(self) -> bool:
        """Take a slot that is free; return False when there is none."""
        if self.in_flight >= self.policy.in_flight:
            return False
        self.in_flight += 1
        return True

    async def wait(self, deadline: float) -> bool:
        """Wait in line for a slot; return False when the line is full, or no slot came by ``deadline``."""
        if len(self._line) >= self.policy.queue:
            self.refused += 1
            return False
        place = asyncio.get_running_loop().create_future()
        self._line.append(place)
        try:
            async with asyncio.timeout(None if deadline == math.inf else max(0.0, deadline - self._now())):
                await place
        except BaseException as error:
            if place.cancelled():
                self._line.remove(place)
            else:
                self.leave()  # it came in the very turn in which its waiter gave up
            if isinstance(error, TimeoutError):
                self.refused += 1
                return False
            raise
        return True

    def leave(self) -> None:
        """Give a slot back, to the first in line if there is one."""
        for place in self._line:
            if not place.done():  # one that gave up leaves the line by itself
                self._line.remove(place)
                place.set_result(None)
                return
        self.in_flight -= 1
