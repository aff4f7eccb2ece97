"""The bridge's HTTP server: it listens, bounds connections and time, and ends without losing an answer."""

from __future__ import annotations

import asyncio
from typing import Final

from crossply.clock import Clock, monotonic
from crossply_bridge.http_connection import Connection
from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import Exchange
from crossply_bridge.http_writer import DateField

_SWEEP: Final = 1.0
"""Seconds between looks at the connections' patience: a timeout is kept to this."""


class HttpServer:
    """Answers HTTP/1.1 on one address with ``exchange``."""

    def __init__(self, exchange: Exchange, limits: HttpLimits | None = None, clock: Clock = monotonic) -> None:
        self.exchange = exchange
        self.limits = limits or HttpLimits()
        self.clock = clock
        self.date = DateField()
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None
        self._empty: asyncio.Event = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def listen(self, host: str, port: int) -> tuple[str, int]:
        """Begin to accept; return the address, with the port chosen for port 0. Raises ``OSError``."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), host, port, backlog=1024)
        self._sweeper = loop.create_task(self._sweeping(), name="bridge-http-sweep")
        bound = self._server.sockets[0].getsockname()
        return str(bound[0]), int(bound[1])

    def joined(self, connection: Connection) -> bool:
        """Count a connection in; return whether there is room for it."""
        self._connections.add(connection)
        self._empty.clear()
        return len(self._connections) <= self.limits.connections

    def left(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    async def aclose(self, drain: float = 0.0) -> None:
        """Accept nothing new, let running requests finish for up to ``drain`` seconds, then drop the rest."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.retire()
        if self._connections and drain > 0:
            try:
                async with asyncio.timeout(drain):
                    await self._empty.wait()
            except TimeoutError:
                pass
        for connection in tuple(self._connections):
            connection.abort()
        if self._connections:
            await self._empty.wait()
        await self._end_sweeper()
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def _end_sweeper(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.wait([self._sweeper])
            self._sweeper = None

    async def _sweeping(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP)
            now = self.clock()
            for connection in tuple(self._connections):
                connection.expire(now)
