"""Stop the endpoint at the deadline: the one timer of the inbound side."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from crossply.alarm import Alarm
from crossply.errors import DeadlineExceeded
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from crossply.clock import Clock


@layer
def bound(inner: Handler, now: Clock) -> Handler:
    """Cancel ``inner`` at the request's deadline."""
    bounds = Bounds(now)

    async def bounding(request: Request) -> Response:
        if request.deadline == math.inf:
            return await inner(request)
        running = bounds.enter(request)
        try:
            return await inner(request)
        except asyncio.CancelledError:
            if not running.was_stopped():
                raise
            raise DeadlineExceeded(f"{request.operation}: the endpoint was stopped at the deadline") from None
        finally:
            bounds.leave(running)

    return bounding


class Running:
    """One request that runs, and the task to cancel; it may be cancelled for other reasons too."""

    __slots__ = ("_cancelling", "deadline", "stopped", "task")

    def __init__(self, deadline: float, task: asyncio.Task[object]) -> None:
        self.deadline = deadline
        self.task = task
        self.stopped = False
        self._cancelling = task.cancelling()

    def was_stopped(self) -> bool:
        """Whether the cancellation that arrived was ours; it is taken back (as ``asyncio.timeout`` does)."""
        if not self.stopped:
            return False
        self.stopped = False
        return self.task.uncancel() <= self._cancelling


class Bounds:
    """The requests that run in one stack."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self._running: set[Running] = set()
        self._alarm = Alarm(self._sweep, now)
        self._loop: asyncio.AbstractEventLoop | None = None

    def enter(self, request: Request) -> Running:
        """Have the current task cancelled at the request's deadline."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("a handler runs in a task")
        running = Running(request.deadline, task)
        self._running.add(running)
        self._alarm.by(request.deadline, request.received or self._now())
        return running

    def leave(self, running: Running) -> None:
        """It has ended."""
        self._running.discard(running)
        if running.stopped:
            # It ended by itself just when it was to be stopped.
            running.was_stopped()

    def _sweep(self, now: float) -> float:
        earliest = math.inf
        for running in self._running:
            if running.deadline > now:
                earliest = min(earliest, running.deadline)
            elif not running.stopped:
                running.stopped = True
                running.task.cancel()
        return earliest
