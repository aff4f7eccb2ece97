"""The owner of background tasks: each is named, none outlives its owner, none fails unseen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

_AFTER_FAILURE = 1.0


class Tasks:
    """A set of running tasks; ``on_error(name, error)`` hears of one that failed."""

    def __init__(self, on_error: Callable[[str, BaseException], None]) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._held: dict[object, asyncio.Task[Any]] = {}
        self._on_error = on_error

    def __len__(self) -> int:
        return len(self._running) + len(self._held)

    def hold(self, key: object, task: asyncio.Task[Any]) -> None:
        """Own a task that calls ``release(key)`` at its end and raises nothing: cheaper than ``spawn``."""
        self._held[key] = task

    def held(self) -> Iterable[object]:
        """Return the keys of the tasks that are held."""
        return self._held.keys()

    def release(self, key: object) -> None:
        """Own a task no more."""
        self._held.pop(key, None)

    def owns(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether a task is one of these."""
        return task in self._all()

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Start ``work``; it is cancelled when the owner closes."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def for_ever(self, step: Callable[[], Coroutine[Any, Any, Any]], name: str) -> asyncio.Task[Any]:
        """Do ``step`` again and again; one that fails is told of and followed by the next, after a pause."""
        return self.spawn(self._again(step, name), name)

    async def _again(self, step: Callable[[], Coroutine[Any, Any, Any]], name: str) -> None:
        while True:
            try:
                await step()
            except Exception as error:  # noqa: BLE001 - what runs for ever must not end by one failure
                self._on_error(name, error)
                await asyncio.sleep(_AFTER_FAILURE)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._on_error(task.get_name(), error)

    def _all(self) -> set[asyncio.Task[Any]]:
        return {*self._running, *self._held.values()}

    async def drain(self, timeout: float) -> int:
        """Wait until all have ended, for at most ``timeout`` seconds; return how many still run."""
        if running := self._all():
            await asyncio.wait(running, timeout=timeout)
        return len(self._all())

    def cancel(self) -> None:
        """Cancel what still runs, without waiting for it."""
        for task in self._all():
            task.cancel()

    async def aclose(self) -> None:
        """Cancel what still runs, and what it starts in its turn, and wait for it."""
        current = asyncio.current_task()
        while running := {task for task in self._all() if not task.done()} - {current}:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
        self._held.clear()  # what never began cannot have called ``release``
