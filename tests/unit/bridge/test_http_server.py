"""The server over real sockets."""

from __future__ import annotations

import asyncio

import pytest

from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import HttpRequest, HttpResponse
from crossply_bridge.http_server import HttpServer
from tests.unit.bridge.fakes import echo, never, until

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_it_answers_on_the_port_it_says() -> None:
    server = HttpServer(echo())
    host, port = await server.listen("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(GET)
    assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
    await server.aclose()
    assert await reader.read() == b""
    writer.close()


async def test_a_taken_address_is_an_error() -> None:
    server = HttpServer(echo())
    host, port = await server.listen("127.0.0.1", 0)
    other = HttpServer(echo())
    with pytest.raises(OSError, match="address already in use"):
        await other.listen(host, port)
    await server.aclose()
    await other.aclose()


async def test_closing_lets_running_requests_finish() -> None:
    begun = asyncio.Event()
    answer = asyncio.Event()

    async def when_told(request: HttpRequest) -> HttpResponse:
        begun.set()
        await answer.wait()
        return HttpResponse(200, [], b"done")

    server = HttpServer(when_told)
    host, port = await server.listen("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(GET)
    await begun.wait()
    closing = asyncio.ensure_future(server.aclose(drain=30.0))
    await asyncio.sleep(0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, port)
    answer.set()
    received = await reader.read()
    assert received.endswith(b"done")
    assert b"connection: close\r\n" in received
    await closing
    writer.close()


async def test_closing_is_bounded() -> None:
    begun = asyncio.Event()
    cancelled = asyncio.Event()

    async def waiting(request: HttpRequest) -> HttpResponse:
        begun.set()
        try:
            return await never()
        finally:
            cancelled.set()

    server = HttpServer(waiting)
    host, port = await server.listen("127.0.0.1", 0)
    _, writer = await asyncio.open_connection(host, port)
    writer.write(GET)
    await begun.wait()
    await server.aclose(drain=0.01)
    assert cancelled.is_set()
    writer.close()


async def test_a_client_that_leaves_cancels_its_request() -> None:
    begun = asyncio.Event()
    cancelled = asyncio.Event()

    async def waiting(request: HttpRequest) -> HttpResponse:
        begun.set()
        try:
            return await never()
        finally:
            cancelled.set()

    server = HttpServer(waiting)
    host, port = await server.listen("127.0.0.1", 0)
    _, writer = await asyncio.open_connection(host, port)
    writer.write(GET)
    await begun.wait()
    writer.close()
    async with asyncio.timeout(5):
        await cancelled.wait()
    await server.aclose()


async def test_a_large_refused_body_does_not_swallow_the_refusal() -> None:
    server = HttpServer(echo(), HttpLimits(body=1000))
    host, port = await server.listen("127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 4_000_000)
    assert (await reader.read()).startswith(b"HTTP/1.1 413 ")
    writer.close()
    await server.aclose()


async def test_connections_are_bounded() -> None:
    server = HttpServer(echo(), HttpLimits(connections=1))
    host, port = await server.listen("127.0.0.1", 0)
    first, keeping = await asyncio.open_connection(host, port)
    keeping.write(GET)
    await first.readuntil(b"hello")
    second, refused = await asyncio.open_connection(host, port)
    assert (await second.read()).startswith(b"HTTP/1.1 503 ")
    refused.close()
    await until(lambda: server.connections == 1)
    keeping.write(GET)
    assert (await first.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
    keeping.close()
    await server.aclose()
