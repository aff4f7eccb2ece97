"""Waiting for what must come true, instead of sleeping for as long as it might take."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
EVERY = 0.01


async def eventually(probe: Callable[[], T | None], within: float = 5.0) -> T:
    """Return the first true value of ``probe()``; fail with the last one after ``within`` seconds."""

    async def awaited() -> T | None:
        return probe()

    return await _eventually(awaited, within, probe)


async def eventually_awaited(probe: Callable[[], Awaitable[T | None]], within: float = 5.0) -> T:
    """Return the first true value of ``await probe()``; fail with the last one after ``within`` seconds."""
    return await _eventually(probe, within, probe)


async def _eventually(probe: Callable[[], Awaitable[T | None]], within: float, asked: Callable[[], object]) -> T:
    until = time.monotonic() + within
    while True:
        found = await probe()
        if found:
            return found
        if time.monotonic() >= until:
            question = inspect.getsource(asked).strip()
            raise AssertionError(f"not true within {within:g} s: {question} was {found!r}")
        await asyncio.sleep(EVERY)
