"""What is tried again, what is bounded, and what each failure of an exchange is."""

from __future__ import annotations

import asyncio

import pytest

from crossply.clock import monotonic
from crossply.errors import Code, Executed, Unavailable
from crossply_bridge.address import AppAddress
from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.upstream import Upstream
from tests.unit.bridge.tiny_server import OK, TinyServer, failure, get, keeping, running, soon


async def closing_the_second(
    application: TinyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
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
    async def silent(application: TinyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await application.read(reader)

    async with running(silent) as (application, upstream):
        error = await failure(upstream, get())
        assert (error.code, error.executed) == (Code.DISCONNECTED, Executed.MAYBE)
        assert len(application.requests) == 1


async def test_an_answer_broken_off_is_not_asked_for_again() -> None:
    async def half(application: TinyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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


async def test_an_answer_that_does_not_come_is_given_up_at_the_deadline() -> None:
    async def mute(application: TinyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
    async def large(application: TinyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await application.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nhello world")
        await reader.read()

    async with running(large, limits=HttpLimits(body=10)) as (_, upstream):
        error = await failure(upstream, get())
        assert (error.code, error.executed) == (Code.INTEGRITY_FAILED, Executed.YES)
        assert "larger than 10 bytes" in error.message
