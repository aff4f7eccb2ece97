"""A server that answers as a test says, and an upstream that asks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from crossply.clock import monotonic
from crossply.errors import CallError
from crossply_bridge.address import AppAddress
from crossply_bridge.upstream import AppRequest, Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LATER = 30.0

Serve: TypeAlias = Callable[["TinyServer", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class TinyServer:
    """A tiny server; ``serve`` handles a connection from its first byte to its end."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.connections = 0
        self.port = 0
        self.requests: list[bytes] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._serve(self, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def read(self, reader: asyncio.StreamReader) -> bytes:
        """Read one request without a body, or with a body of a known length."""
        head = await reader.readuntil(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            if line.startswith(b"content-length: "):
                head += await reader.readexactly(int(line.partition(b": ")[2]))
        self.requests.append(head)
        return head


@asynccontextmanager
async def running(serve: Serve, **more: object) -> AsyncGenerator[tuple[TinyServer, Upstream]]:
    application = TinyServer(serve)
    server = await asyncio.start_server(application.accept, "127.0.0.1", 0)
    application.port = server.sockets[0].getsockname()[1]
    upstream = Upstream(AppAddress("127.0.0.1", application.port), **more)  # type: ignore[arg-type]
    try:
        yield application, upstream
    finally:
        await upstream.aclose()
        server.close()
        await server.wait_closed()


async def keeping(application: TinyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        await application.read(reader)
        writer.write(OK)


def get(method: str = "GET", body: bytes = b"") -> AppRequest:
    return AppRequest(method, "/a?b", [("accept", "*/*")], body)


def soon() -> float:
    return monotonic() + LATER


async def failure(upstream: Upstream, request: AppRequest, deadline: float | None = None) -> CallError:
    with pytest.raises(CallError) as caught:
        await upstream.send(request, soon() if deadline is None else deadline)
    return caught.value
