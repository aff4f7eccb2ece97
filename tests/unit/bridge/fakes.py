"""Stand-ins for what a bridge stands between: a transport, a server, a mesh, an application, a clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from crossply.handler import Handler, Request, Response
from crossply_bridge.app_reply import AppReply
from crossply_bridge.http_connection import Connection
from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import Exchange, HttpRequest, HttpResponse
from crossply_bridge.http_writer import DateField
from crossply_bridge.upstream import AppRequest


class ManualClock:
    """Seconds that pass only when a test says so."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeTransport(asyncio.Transport):
    """Keeps what is written; closing tells the protocol in the loop's next turn, as a real one does."""

    def __init__(self, protocol: asyncio.Protocol, peer: str = "127.0.0.1") -> None:
        super().__init__(extra={"peername": (peer, 50_000)})
        self.protocol = protocol
        self.written = b""
        self._closed = False
        self._aborted = False
        self._ended = False
        self._reading = True
        protocol.connection_made(self)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += bytes(data)

    def write_eof(self) -> None:
        self._ended = True

    def can_write_eof(self) -> bool:
        return True

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self.lose()

    def abort(self) -> None:
        self._aborted = True
        self.lose()

    def is_aborted(self) -> bool:
        return self._aborted

    def is_ended(self) -> bool:
        return self._ended

    def lose(self, error: Exception | None = None) -> None:
        """End the connection, as the other side or the network does."""
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, error)

    def pause_reading(self) -> None:
        self._reading = False

    def resume_reading(self) -> None:
        self._reading = True

    def is_reading(self) -> bool:
        return self._reading

    def take(self) -> bytes:
        """Return what was written since the last time."""
        written, self.written = self.written, b""
        return written


class FakeServer:
    """What a connection needs of its server."""

    def __init__(self, exchange: Exchange, limits: HttpLimits | None = None, room: int = 10) -> None:
        self.exchange = exchange
        self.limits = limits or HttpLimits()
        self.clock = ManualClock()
        self.date = DateField(lambda: 0.0)
        self.connections: set[Connection] = set()
        self._room = room

    def joined(self, connection: Connection) -> bool:
        self.connections.add(connection)
        return len(self.connections) <= self._room

    def left(self, connection: Connection) -> None:
        self.connections.discard(connection)

    def connect(self) -> FakeTransport:
        """Return the transport of a new connection."""
        return FakeTransport(Connection(self))


class ScriptedMesh:
    """Outbound stacks that answer as told and keep what they were asked."""

    def __init__(self, answer: Callable[[Request], Response] | None = None) -> None:
        self.requests: list[Request] = []
        self._answer = answer or _nothing

    def outbound(self, operation: str) -> Handler:
        async def answering(request: Request) -> Response:
            assert request.operation == operation
            self.requests.append(request)
            return self._answer(request)

        return answering

    @property
    def request(self) -> Request:
        """The only request there was."""
        (request,) = self.requests
        return request


class ScriptedApplication:
    """Answers HTTP requests in the order of a script; the last answer is repeated."""

    def __init__(self, *script: AppReply | Exception) -> None:
        self.requests: list[AppRequest] = []
        self.deadlines: list[float] = []
        self._script = list(script)

    async def send(self, request: AppRequest, deadline: float) -> AppReply:
        self.requests.append(request)
        self.deadlines.append(deadline)
        answer = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _nothing(request: Request) -> Response:
    return Response(b"{}", "application/json")


def echo(body: bytes = b"hello") -> Exchange:
    """Return an exchange that says which target it was asked."""

    async def answering(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [("x-target", request.target)], body)

    return answering


async def turn(times: int = 5) -> None:
    """Let the loop do what is ready."""
    for _ in range(times):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool], patience: float = 5.0) -> None:
    """Wait for something that another task or the system brings about."""
    async with asyncio.timeout(patience):
        while not condition():
            await asyncio.sleep(0.002)


def never() -> Awaitable[HttpResponse]:
    """Return an answer that does not come."""
    return asyncio.get_running_loop().create_future()
