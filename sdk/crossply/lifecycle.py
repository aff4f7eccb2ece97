"""Between start and stop: one at a time, each whole, whoever asks and whoever gives up asking."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.errors import MeshError

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.running import Running


class Lifecycle:
    """Makes what runs, starts it and stops it."""

    def __init__(self, service: str, make: Callable[[], Running]) -> None:
        self._service = service
        self._make = make
        self._running: Running | None = None
        self._changing = asyncio.Lock()
        self._stopping: asyncio.Task[None] | None = None

    @property
    def running(self) -> Running:
        """What runs; raise ``MeshError`` before it can be used and after it has stopped."""
        if self._running is None or not self._running.begun:
            raise MeshError(
                f"{self._service} is not running; use `async with mesh`, `await mesh.start()` or `mesh.run()`"
            )
        return self._running

    async def start(self) -> None:
        """Start it; raise ``MeshError`` when it runs already."""
        async with self._changing:
            if self._running is not None:
                raise MeshError(f"{self._service} runs already")
            # Known from now on, so that a handler that is called at once can call in its turn.
            running = self._running = self._make()
            try:
                await running.start()
            except BaseException:
                self._running = None
                running.member.close()
                raise

    async def stop(self) -> None:
        """Stop it, after a start that is under way; goes on although its caller gives up.

        Raise ``MeshError`` in a handler, which would wait for its own end.
        """
        if self._running is not None and self._running.begun:
            self._running.check_outside("stop")
        if self._stopping is None:
            self._stopping = asyncio.get_running_loop().create_task(self._stop(), name=f"stop {self._service}")
            self._stopping.add_done_callback(self._stopped)
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        async with self._changing:
            if self._running is None:
                return
            try:
                # Handlers that still run may call and publish to their end.
                await self._running.stop()
            finally:
                self._running.member.close()
                self._running = None

    def _stopped(self, _task: asyncio.Task[None]) -> None:
        self._stopping = None
