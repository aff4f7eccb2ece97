"""Time that jumps: on this loop a sleep of an hour takes none, as nothing else could happen meanwhile."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from crossply.clock import Chance

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

START = 1000.0
LIMIT = 3600.0


class JumpingClock:
    """Seconds that pass only when told to; call it to read it."""

    def __init__(self, start: float = START) -> None:
        self._now = start

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self._now += seconds


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next timer whenever there is nothing else to do.

    ``asyncio.sleep``, ``asyncio.timeout`` and ``call_later`` all go by it, and so does a ``Mesh`` that starts
    on it. While work is in a thread or a socket is open, time passes as it does outside. A loop on which
    nothing can ever happen again raises ``RuntimeError`` instead of hanging, and so does one whose clock has
    run for ``limit`` seconds. ``chance`` decides what is left to chance, as balancing and pauses are.
    """

    def __init__(
        self, clock: JumpingClock | None = None, *, limit: float = LIMIT, chance: Chance | None = None
    ) -> None:
        self.clock = clock or JumpingClock()
        self.chance = chance
        self._in_threads = 0
        super().__init__(_JumpingSelector(self.clock, lambda: self._in_threads > 0, limit))

    def time(self) -> float:
        """Return the clock's time in seconds."""
        return self.clock()

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        """Run ``func`` in a thread; time does not jump until it is done."""
        running = super().run_in_executor(executor, func, *args)
        self._in_threads += 1
        running.add_done_callback(self._left_thread)
        return running

    def _left_thread(self, _: asyncio.Future[Any]) -> None:
        self._in_threads -= 1

    async def shutdown_default_executor(self, *args: Any, **kwargs: Any) -> None:
        """Wait for the threads of the default executor, without jumping."""
        self._in_threads += 1
        try:
            await super().shutdown_default_executor(*args, **kwargs)
        finally:
            self._in_threads -= 1


class _JumpingSelector(selectors.DefaultSelector):
    """Advances the clock where a loop would wait for its next timer; ``busy``: a thread may wake it."""

    def __init__(self, clock: JumpingClock, busy: Callable[[], bool], limit: float) -> None:
        super().__init__()
        self._clock = clock
        self._busy = busy
        self._limit = limit
        self._until = clock() + limit

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready at once; wait for real only when something outside may become ready."""
        ready = super().select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        # The one that is always there is the loop's own, through which threads wake it.
        if self._busy() or len(self.get_map()) > 1:
            began = time.monotonic()
            ready = super().select(timeout)
            self._clock.advance(time.monotonic() - began)
            return ready
        if timeout is None:
            raise RuntimeError(
                "nothing can happen on this loop any more: each task waits for something, and no timer is set"
            )
        self._clock.advance(timeout)
        if self._clock() > self._until:
            self._until = float("inf")
            raise RuntimeError(f"{self._limit:g} s have passed on this loop's clock, and its work has not ended")
        return ready


def run(main: Coroutine[Any, Any, T], *, limit: float = LIMIT, chance: Chance | None = None) -> T:
    """Run ``main`` on a new ``JumpingLoop`` and return its result; ``limit`` is in seconds of its clock."""
    with asyncio.Runner(loop_factory=lambda: JumpingLoop(limit=limit, chance=chance)) as runner:
        return runner.run(main)
