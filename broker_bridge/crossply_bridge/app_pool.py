"""Connections to the application, kept for the next exchange; the most recently used one first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from crossply.clock import Clock
from crossply.errors import Overloaded
from crossply_bridge.app_connection import AppConnection

Open: TypeAlias = Callable[[], Awaitable[AppConnection]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolLimits:
    """How many connections, how many requests may wait for one, how long an idle one is kept (seconds).

    ``idle`` stays below the few seconds after which servers close idle connections themselves (gunicorn: 2 s,
    Node and uvicorn: 5 s): a request sent just then is lost, and only an idempotent one can be sent again.
    """

    connections: int = 128
    waiting: int = 1024
    idle: float = 1.5


class AppPool:
    """Lends connections; what is lent comes back by ``give_back``, whatever became of it."""

    def __init__(self, open_: Open, limits: PoolLimits, clock: Clock) -> None:
        self._open = open_
        self._limits = limits
        self._clock = clock
        self._idle: deque[tuple[float, AppConnection]] = deque()
        self._room = asyncio.Semaphore(limits.connections)
        self._waiting = 0
        self._sweeping: asyncio.TimerHandle | None = None

    async def take(self, *, fresh: bool = False) -> tuple[AppConnection, bool]:
        """Return a connection and whether it was used before; ``fresh`` asks for a new one.

        Raises ``Overloaded`` when too many wait already, and what opening raises.
        """
        await self._enter()
        try:
            if fresh:
                self._drop_idle()
            while self._idle:
                since, connection = self._idle.pop()
                if connection.usable and self._clock() - since <= self._limits.idle:
                    return connection, True
                connection.abort()
            return await self._open(), False
        except BaseException:
            self._room.release()
            raise

    def give_back(self, connection: AppConnection) -> None:
        """Take a connection back; it is kept if it can be used again."""
        self._room.release()
        if connection.usable:
            self._idle.append((self._clock(), connection))
            self._sweep_later()

    def sweep(self) -> None:
        """Close what has been idle for long: some servers serve nobody else while a connection is open."""
        while self._idle and self._clock() - self._idle[0][0] > self._limits.idle:
            self._idle.popleft()[1].abort()

    async def aclose(self) -> None:
        """Close what is idle; what is lent is closed by its exchange."""
        self._drop_idle()
        if self._sweeping is not None:
            self._sweeping.cancel()

    def _sweep_later(self) -> None:
        if self._sweeping is None:
            self._sweeping = asyncio.get_running_loop().call_later(self._limits.idle, self._swept)

    def _swept(self) -> None:
        self._sweeping = None
        self.sweep()
        if self._idle:
            self._sweep_later()

    async def _enter(self) -> None:
        if not self._room.locked():
            await self._room.acquire()
            return
        if self._waiting >= self._limits.waiting:
            raise Overloaded(
                f"application is busy: {self._limits.connections} requests run and {self._waiting} wait",
                retry_after=1.0,
            )
        self._waiting += 1
        try:
            await self._room.acquire()
        finally:
            self._waiting -= 1

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop()[1].abort()
