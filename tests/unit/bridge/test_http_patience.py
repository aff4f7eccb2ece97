"""A connection waits with bounds, and ends without losing an answer."""

from __future__ import annotations

import asyncio

import pytest

from crossply_bridge.http_message import HttpRequest, HttpResponse
from tests.unit.bridge.fakes import FakeServer, echo, never, turn

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_a_connection_counts_until_its_cancelled_request_has_ended() -> None:
    ending = asyncio.get_running_loop().create_future()

    async def stubborn(request: HttpRequest) -> HttpResponse:
        try:
            return await never()
        finally:
            await ending

    server = FakeServer(stubborn)
    transport = server.connect()
    transport.protocol.data_received(GET % 0)
    await turn()
    transport.lose()
    await turn()
    assert server.connections
    ending.set_result(None)
    await turn()
    assert not server.connections


async def test_an_answer_waits_for_a_client_that_does_not_read() -> None:
    server = FakeServer(echo())
    transport = server.connect()
    transport.protocol.pause_writing()
    transport.protocol.data_received(GET % 0 + GET % 1)
    await turn()
    assert transport.take().count(b"HTTP/1.1 200 OK") == 1
    transport.protocol.resume_writing()
    await turn()
    assert transport.take().count(b"HTTP/1.1 200 OK") == 1


async def test_a_client_that_never_reads_is_dropped() -> None:
    server = FakeServer(echo())
    transport = server.connect()
    (connection,) = server.connections
    transport.protocol.pause_writing()
    transport.protocol.data_received(GET % 0 + GET % 1)
    await turn()
    connection.expire(server.clock.now + server.limits.write_timeout - 0.1)
    assert not transport.is_aborted()
    connection.expire(server.clock.now + server.limits.write_timeout)
    assert transport.is_aborted()
    await turn()
    assert not server.connections


@pytest.mark.parametrize(
    ("sent", "patience", "status"),
    [
        (b"GET / HT", "header_timeout", b"408"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc", "body_timeout", b"408"),
        (b"", "idle_timeout", b""),
        (GET % 0, "idle_timeout", b"200"),
    ],
)
async def test_a_slow_client_is_given_up_in_time(sent: bytes, patience: str, status: bytes) -> None:
    server = FakeServer(echo())
    transport = server.connect()
    (connection,) = server.connections
    if sent:
        transport.protocol.data_received(sent)
        await turn()
    due = server.clock.now + getattr(server.limits, patience)
    connection.expire(due - 0.1)
    assert not transport.is_closing()
    assert not transport.is_ended()
    connection.expire(due)
    assert transport.is_closing() or transport.is_ended()
    assert transport.take()[9:12] == status


async def test_trickled_bytes_do_not_move_the_moment_a_head_is_due() -> None:
    server = FakeServer(echo())
    transport = server.connect()
    (connection,) = server.connections
    began = server.clock.now
    for byte in b"GET / HTTP/1.1\r\nHo":
        transport.protocol.data_received(bytes([byte]))
        server.clock.now += 0.25
    connection.expire(began + server.limits.header_timeout)
    assert transport.take().startswith(b"HTTP/1.1 408 ")


async def test_a_running_request_is_not_bounded_by_the_connection() -> None:
    async def waiting(request: HttpRequest) -> HttpResponse:
        return await never()

    server = FakeServer(waiting)
    transport = server.connect()
    (connection,) = server.connections
    transport.protocol.data_received(GET % 0)
    await turn()
    connection.expire(server.clock.now + 1e9)
    assert not transport.is_closing()
    transport.lose()
    await turn()


async def test_a_connection_too_many_is_told_so() -> None:
    server = FakeServer(echo(), room=0)
    transport = server.connect()
    assert transport.take().startswith(b"HTTP/1.1 503 ")
    transport.protocol.data_received(GET % 0)
    await turn()
    assert transport.take() == b""


async def test_a_retired_connection_closes_at_once_when_idle() -> None:
    server = FakeServer(echo())
    transport = server.connect()
    (connection,) = server.connections
    connection.retire()
    assert transport.is_closing()


async def test_a_retired_connection_finishes_its_request_and_says_close() -> None:
    answer = asyncio.get_running_loop().create_future()

    async def when_told(request: HttpRequest) -> HttpResponse:
        await answer
        return HttpResponse(200)

    server = FakeServer(when_told)
    transport = server.connect()
    (connection,) = server.connections
    transport.protocol.data_received(GET % 0)
    await turn()
    connection.retire()
    assert not transport.is_closing()
    answer.set_result(None)
    await turn()
    assert b"connection: close\r\n" in transport.take()
    assert transport.is_closing()


async def test_a_retired_connection_finishes_a_request_that_is_still_coming() -> None:
    server = FakeServer(echo())
    transport = server.connect()
    (connection,) = server.connections
    transport.protocol.data_received((GET % 0)[:9])
    connection.retire()
    assert not transport.is_closing()
    transport.protocol.data_received((GET % 0)[9:])
    await turn()
    assert b"connection: close\r\n" in transport.take()
