"""One client's connection: requests answered in order, with bounded memory and bounded patience."""

from __future__ import annotations

import asyncio
import math
from typing import Final, Protocol, cast

from crossply.clock import Clock
from crossply.telemetry.logs import get_logger
from crossply_bridge import problems
from crossply_bridge.headers import HeaderFault
from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import Exchange, HttpFault, HttpRequest, HttpResponse
from crossply_bridge.http_reader import RequestReader, Stage
from crossply_bridge.http_writer import CONTINUE, DateField, encode

_log: Final = get_logger("bridge")


class Listener(Protocol):
    """What a connection needs of the server that accepted it."""

    @property
    def exchange(self) -> Exchange:
        """What answers requests."""
        ...

    @property
    def limits(self) -> HttpLimits:
        """What a client gets."""
        ...

    @property
    def clock(self) -> Clock:
        """Monotonic seconds."""
        ...

    @property
    def date(self) -> DateField:
        """The `Date` of answers."""
        ...

    def joined(self, connection: Connection) -> bool:
        """Count a connection in; return whether there is room for it."""
        ...

    def left(self, connection: Connection) -> None:
        """Count it out."""
        ...


class Connection(asyncio.Protocol):
    """Requests wait unparsed until the one before is answered; a client that is gone cancels its own.

    Each state has its last moment in ``_due``; the server calls ``expire`` now and then, so that no request
    costs a timer.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._limits = listener.limits
        self._reader = RequestReader(listener.limits)
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._due = math.inf
        self._stage: Stage = Stage.IDLE
        self._peer = ""
        self._last = False
        self._closing = False
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the first request."""
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = str(peer[0]) if peer else ""
        self._due = self._listener.clock() + self._limits.idle_timeout
        if not self._listener.joined(self):
            self._refuse(HttpFault(503, f"bridge has {self._limits.connections} connections, no more are taken"))

    def data_received(self, data: bytes) -> None:
        """Take bytes; begin the next request unless one is running."""
        if self._closing:
            return
        self._reader.feed(data)
        if self._task is None:
            request = self._next()
            if request is not None:
                self._task = asyncio.get_running_loop().create_task(self._serving(request))
        elif self._reading and self._reader.buffered > self._limits.buffered and self._transport is not None:
            self._reading = False
            self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Cancel the request that nobody waits for any more."""
        self._closing = True
        self._due = math.inf
        if self._task is None:
            self._listener.left(self)
        else:
            self._task.cancel()
            self._task.add_done_callback(lambda _: self._listener.left(self))

    def pause_writing(self) -> None:
        """Stop answering until the client reads."""
        self._writable = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """Go on answering."""
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._writable = None

    def retire(self) -> None:
        """Close after the answer that is due, at once when none is."""
        self._last = True
        if self._task is None and not self._closing and self._reader.stage is Stage.IDLE:
            self._close()

    def expire(self, now: float) -> None:
        """Give up on a client that was due something before ``now`` (monotonic)."""
        if now < self._due:
            return
        if self._closing or self._task is not None:
            self.abort()
        elif self._reader.stage is Stage.IDLE:
            self._close()
        else:
            self._refuse(HttpFault(408, f"request's {self._stage.value} did not come in time"))

    def abort(self) -> None:
        """Drop the connection and cancel its request."""
        if self._transport is not None:
            self._transport.abort()

    async def _serving(self, first: HttpRequest) -> None:
        try:
            await self._answering(first)
        except Exception:
            self.abort()  # nobody is left to answer the client
            raise

    async def _answering(self, first: HttpRequest) -> None:
        request: HttpRequest | None = first
        while request is not None:
            self._due = math.inf
            request.peer = self._peer
            response = await self._answer(request)
            keep_alive = request.keep_alive and not self._last
            self._write(response, request.method, request.version, keep_alive=keep_alive)
            if not keep_alive:
                self._close()
                break
            if self._writable is not None:
                self._due = self._listener.clock() + self._limits.write_timeout
                await self._writable
                self._due = math.inf
            request = self._next()
        self._task = None

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            return await self._listener.exchange(request)
        except Exception:  # noqa: BLE001 - the client gets an answer whatever it was, the log gets the reason
            _log.error("bridge_failed", method=request.method, target=request.target, exc_info=True)
            return problems.of_fault(HttpFault(500, "bridge failed; its log says why"))

    def _next(self) -> HttpRequest | None:
        """Return the next whole request; ``None`` while it is not whole, and when it can never be."""
        try:
            request = self._reader.next()
            if request is None:
                self._wait()
        except HttpFault as fault:
            self._refuse(fault)
            return None
        return request

    def _wait(self) -> None:
        """Wait for more: the moment until which depends on what is missing, and only a new stage moves it."""
        stage, limits = self._reader.stage, self._limits
        if stage is Stage.IDLE and self._last:
            self._close()
            return
        if stage is not self._stage or self._due == math.inf:
            self._stage = stage
            patience = {
                Stage.IDLE: limits.idle_timeout,
                Stage.HEAD: limits.header_timeout,
                Stage.BODY: limits.body_timeout,
            }
            self._due = self._listener.clock() + patience[stage]
        if self._transport is None:
            return
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        if self._reader.owes_continue():
            self._transport.write(CONTINUE)

    def _write(self, response: HttpResponse, method: str, version: str, *, keep_alive: bool) -> None:
        date = self._listener.date.line()
        try:
            data = encode(response, method=method, version=version, keep_alive=keep_alive, date=date)
        except HeaderFault as fault:
            broken = problems.of_fault(HttpFault(502, f"answer cannot be passed on: {fault}"))
            data = encode(broken, method=method, version=version, keep_alive=keep_alive, date=date)
        if self._transport is not None:
            self._transport.write(data)

    def _refuse(self, fault: HttpFault) -> None:
        """Answer with a problem and end; what the client still sends is thrown away for a moment."""
        transport = self._transport
        if transport is None or self._closing:
            return
        self._write(problems.of_fault(fault), "GET", "1.1", keep_alive=False)
        self._closing = True
        self._due = self._listener.clock() + self._limits.linger
        if not self._reading:
            transport.resume_reading()
        if transport.can_write_eof():
            transport.write_eof()

    def _close(self) -> None:
        """Close once everything written has left; a client that does not read it is dropped in time."""
        self._closing = True
        self._due = self._listener.clock() + self._limits.write_timeout
        if self._transport is not None:
            self._transport.close()
