"""The owner of background tasks: each is named, none outlives its owner, none fails unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """A set of running tasks; ``on_error(name, error)`` hears of one that failed."""

    def __init__(self, on_error: Callable[[str, BaseException], None]) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._on_error = on_error

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start ``work``; it is cancelled when the owner closes."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(task.get_name(), error)

    async def drain(self, timeout: float) -> int:
        """Wait until all have ended, for at most ``timeout`` seconds; return how many still run."""
        if self._running:
            await asyncio.wait(self._running, timeout=timeout)
        return len(self._running)

    def cancel(self) -> None:
        """Cancel what still runs, without waiting for it."""
        for task in list(self._running):
            task.cancel()

    async def aclose(self) -> None:
        """Cancel what still runs and wait for it."""
        running = list(self._running)
        self.cancel()
        await asyncio.gather(*running, return_exceptions=True)
