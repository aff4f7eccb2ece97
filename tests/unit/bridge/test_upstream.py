"""Exchanges with an application, over real sockets: what is retried, what is bounded, how it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import pytest

from crossply.clock import monotonic
from crossply.errors import CallError, Code, Executed, Unavailable
from crossply_bridge.address import AppAddress
from crossply_bridge.app_pool import PoolLimits
from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.upstream import AppRequest, Upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
LATER = 30.0

Serve: TypeAlias = Callable[["Application", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Application:
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
async def running(serve: Serve, **more: object) -> AsyncGenerator[tuple[Application, Upstream]]:
    application = Application(serve)
    server = await asyncio.start_server(application.accept, "127.0.0.1", 0)
    application.port = server.sockets[0].getsockname()[1]
    upstream = Upstream(AppAddress("127.0.0.1", application.port), **more)  # type: ignore[arg-type]
    try:
        yield application, upstream
    finally:
        await upstream.aclose()
        server.close()
        await server.wait_closed()


async def keeping(
    application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
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


async def test_a_request_reaches_the_application_with_its_own_name() -> None:
    async with running(keeping) as (application, upstream):
        reply = await upstream.send(get("POST", b"hi"), soon())
        port = application.port
    assert (reply.status, reply.body) == (200, b"ok")
    assert application.requests == [
        b"POST /a?b HTTP/1.1\r\nhost: 127.0.0.1:%d\r\naccept: */*\r\ncontent-length: 2\r\n\r\nhi" % port
    ]


async def test_only_methods_with_a_body_say_that_theirs_is_empty() -> None:
    async with running(keeping) as (application, upstream):
        for method in ("GET", "DELETE", "POST", "PUT", "PATCH"):
            await upstream.send(get(method), soon())
    assert [b"content-length: 0" in request for request in application.requests] == [
        False,
        False,
        True,
        True,
        True,
    ]


async def test_the_connection_is_used_again() -> None:
    async with running(keeping) as (application, upstream):
        for _ in range(3):
            await upstream.send(get(), soon())
        assert application.connections == 1


async def test_an_application_that_closes_every_time_is_served() -> None:
    async def once(
        application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await application.read(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nold style")

    async with running(once) as (application, upstream):
        for _ in range(3):
            assert (await upstream.send(get(), soon())).body == b"old style"
        assert application.connections == 3


async def closing_the_second(
    application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer one request a connection, and close when a second one comes."""
    await application.read(reader)
    writer.write(OK)
    await application.read(reader)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_an_idempotent_request_on_a_stale_connection_is_sent_once_more(method: str) -> None:
    async with running(closing_the_second) as (application, upstream):
        await upstream.send(get(), soon())
        assert (await upstream.send(get(method), soon())).body == b"ok"
        assert application.connections == 2


async def test_a_request_that_is_not_idempotent_is_never_sent_twice() -> None:
    async with running(closing_the_second) as (application, upstream):
        await upstream.send(get(), soon())
        error = await failure(upstream, get("POST", b"x"))
        assert (error.code, error.executed) == (Code.DISCONNECTED, Executed.MAYBE)
        assert application.connections == 1


async def test_a_request_on_a_fresh_connection_is_not_sent_again() -> None:
    async def silent(
        application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await application.read(reader)

    async with running(silent) as (application, upstream):
        error = await failure(upstream, get())
        assert (error.code, error.executed) == (Code.DISCONNECTED, Executed.MAYBE)
        assert len(application.requests) == 1


async def test_an_answer_broken_off_is_not_asked_for_again() -> None:
    async def half(
        application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await application.read(reader)
        writer.write(OK)
        await application.read(reader)
        writer.write(OK[:-1])

    async with running(half) as (application, upstream):
        await upstream.send(get(), soon())
        error = await failure(upstream, get())
        assert error.code is Code.DISCONNECTED
        assert application.connections == 1


async def test_an_application_that_is_not_there_is_unavailable() -> None:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    address = AppAddress("127.0.0.1", server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    error = await failure(Upstream(address), get())
    assert (error.code, error.executed) == (Code.UNAVAILABLE, Executed.NO)
    assert str(address) in error.message


async def test_an_address_that_does_not_resolve_is_unavailable() -> None:
    async def nowhere(address: AppAddress) -> list[str]:
        raise OSError("no such host")

    error = await failure(Upstream(AppAddress("stock", 80), resolver=nowhere), get())
    assert error.code is Code.UNAVAILABLE


async def test_the_next_address_of_a_name_is_tried() -> None:
    async with running(keeping) as (application, _):
        port = application.port

        async def two(address: AppAddress) -> list[str]:
            return ["127.1.2.3", "127.0.0.1"]

        named = Upstream(AppAddress("stock", port), resolver=two)
        assert (await named.send(get(), soon())).body == b"ok"
        await named.aclose()


async def test_an_answer_that_does_not_come_is_given_up_at_the_deadline() -> None:
    async def mute(
        application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await application.read(reader)
        await reader.read()

    async with running(mute) as (application, upstream):
        error = await failure(upstream, get(), monotonic() + 0.05)
        assert (error.code, error.executed) == (Code.DEADLINE_EXCEEDED, Executed.MAYBE)
        await upstream.aclose()
        assert application.connections == 1


async def test_a_deadline_that_has_passed_sends_nothing() -> None:
    async with running(keeping) as (application, upstream):
        error = await failure(upstream, get(), monotonic() - 1)
        assert (error.code, error.executed) == (Code.DEADLINE_EXCEEDED, Executed.NO)
        assert application.requests == []


async def test_an_opening_that_takes_too_long_is_unavailable() -> None:
    async def hanging(address: AppAddress) -> list[str]:
        await asyncio.get_running_loop().create_future()
        return []

    error = await failure(Upstream(AppAddress("stock", 80), resolver=hanging, connect_timeout=0.01), get())
    assert isinstance(error, Unavailable)


async def test_an_answer_above_the_limit_is_a_bad_gateway_and_ends_the_connection() -> None:
    async def large(
        application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await application.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world")
        await reader.read()

    async with running(large, limits=HttpLimits(body=10)) as (_, upstream):
        error = await failure(upstream, get())
        assert (error.code, error.executed) == (Code.INTEGRITY_FAILED, Executed.YES)
        assert "larger than 10 bytes" in error.message


async def test_a_redirect_is_passed_on_and_not_followed() -> None:
    async def moved(
        application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await application.read(reader)
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with running(moved) as (application, upstream):
        reply = await upstream.send(get(), soon())
        assert (reply.status, dict(reply.headers)["location"]) == (302, "http://169.254.169.254/")
        assert len(application.requests) == 1


async def test_concurrent_requests_share_a_bounded_number_of_connections() -> None:
    async with running(keeping, pool=PoolLimits(connections=3)) as (application, upstream):
        replies = await asyncio.gather(*(upstream.send(get(), soon()) for _ in range(30)))
        assert {reply.body for reply in replies} == {b"ok"}
        assert application.connections <= 3


async def test_a_cancelled_exchange_ends_its_connection_and_frees_its_place() -> None:
    answering = False

    async def late(
        application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            await application.read(reader)
            if answering:
                writer.write(OK)

    async with running(late, pool=PoolLimits(connections=1)) as (application, upstream):
        sending = asyncio.ensure_future(upstream.send(get(), soon()))
        while not application.requests:
            await asyncio.sleep(0.001)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        answering = True
        assert (await upstream.send(get(), soon())).body == b"ok"
        assert application.connections == 2


async def test_an_answer_to_head_leaves_the_connection_usable() -> None:
    async def heads(
        application: Application, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while True:
            asked = await application.read(reader)
            writer.write(OK[:-2] if asked.startswith(b"HEAD") else OK)

    async with running(heads) as (application, upstream):
        assert (await upstream.send(get("HEAD"), soon())).body == b""
        assert (await upstream.send(get(), soon())).body == b"ok"
        assert application.connections == 1
