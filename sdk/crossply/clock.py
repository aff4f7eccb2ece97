"""Where time and chance come from: layers take these, and never ask ``time`` or ``random`` themselves."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Seconds on a clock that only goes forward."""


class Chance(Protocol):
    """A source of randomness; ``random.Random`` is one."""

    def random(self) -> float:
        """Return a float in [0, 1)."""
        ...

    def getrandbits(self, k: int, /) -> int:
        """Return an integer of ``k`` random bits."""
        ...


monotonic: Clock = time.monotonic


def of_loop() -> Clock:
    """Return the running loop's own clock where it has one, as a test's loop does; else the monotonic one."""
    clock: Clock | None = getattr(asyncio.get_running_loop(), "clock", None)
    return monotonic if clock is None else clock


def chance_of_loop() -> Chance:
    """Return the running loop's own source of randomness where it has one, as a simulation's does; else a new one."""
    source: Chance | None = getattr(asyncio.get_running_loop(), "chance", None)
    return chance() if source is None else source


def chance(seed: int | None = None) -> Chance:
    """Return a source of randomness, repeatable when ``seed`` is given."""
    return random.Random(seed)  # noqa: S311 - spreads load and jitter; keys and ids come from ``secrets``
