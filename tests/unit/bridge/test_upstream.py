"""Exchanges with an application, over real sockets: what is kept, shared and passed on."""

from __future__ import annotations

import asyncio

from crossply_bridge.address import AppAddress
from crossply_bridge.app_pool import PoolLimits
from crossply_bridge.upstream import Upstream
from tests.unit.bridge.tiny_server import OK, TinyServer, get, keeping, running, soon


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
    async def once(application: TinyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await application.read(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nold style")

    async with running(once) as (application, upstream):
        for _ in range(3):
            assert (await upstream.send(get(), soon())).body == b"old style"
        assert application.connections == 3


async def test_the_next_address_of_a_name_is_tried() -> None:
    async with running(keeping) as (application, _):
        port = application.port

        async def two(address: AppAddress) -> list[str]:
            return ["127.1.2.3", "127.0.0.1"]

        named = Upstream(AppAddress("stock", port), resolver=two)
        assert (await named.send(get(), soon())).body == b"ok"
        await named.aclose()


async def test_a_redirect_is_passed_on_and_not_followed() -> None:
    async def moved(application: TinyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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

    async def late(application: TinyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
    async def heads(application: TinyServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            asked = await application.read(reader)
            writer.write(OK[:-2] if asked.startswith(b"HEAD") else OK)

    async with running(heads) as (application, upstream):
        assert (await upstream.send(get("HEAD"), soon())).body == b""
        assert (await upstream.send(get(), soon())).body == b"ok"
        assert application.connections == 1
