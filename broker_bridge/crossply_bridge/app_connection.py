"""One connection to the application, for one exchange at a time."""

from __future__ import annotations

import asyncio
from typing import cast

from crossply_bridge.app_reply import AppReply, ReplyFault, ReplyReader
from crossply_bridge.http_limits import HttpLimits


class Broken(Exception):
    """The connection ended before the answer did; ``started`` says whether any of the answer had come."""

    def __init__(self, *, started: bool) -> None:
        super().__init__("connection to the application broke")
        self.started = started


class AppConnection(asyncio.Protocol):
    """Not usable again after anything unexpected: an exchange broken off, bytes nobody asked for, its end."""

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._transport: asyncio.Transport | None = None
        self._reader: ReplyReader | None = None
        self._reply: asyncio.Future[AppReply] | None = None
        self._lost = False

    @property
    def usable(self) -> bool:
        """Whether another exchange may be tried."""
        return self._transport is not None and not self._lost and not self._transport.is_closing()

    async def exchange(self, message: bytes, method: str) -> AppReply:
        """Send a request and return its answer; raise ``Broken``, or ``ReplyFault`` for an unusable one."""
        if self._transport is None or not self.usable:
            raise Broken(started=False)
        self._reader = ReplyReader(method, self._limits)
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            reply = await self._reply
        except BaseException:
            self.abort()
            raise
        finally:
            self._reader = self._reply = None
        if not reply.reusable:
            self.abort()
        return reply

    def abort(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Feed the running exchange; without one, nothing that comes can be trusted."""
        if self._reader is None or self._reply is None or self._reply.done():
            self.abort()
            return
        try:
            reply = self._reader.feed(data)
        except ReplyFault as fault:
            self._reply.set_exception(fault)
            return
        if reply is not None:
            self._reply.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the running exchange, with its answer if this end completes it."""
        self._lost = True
        if self._reader is None or self._reply is None or self._reply.done():
            return
        reply = self._reader.finish() if exc is None else None
        if reply is not None:
            self._reply.set_result(reply)
        else:
            self._reply.set_exception(Broken(started=self._reader.started))
