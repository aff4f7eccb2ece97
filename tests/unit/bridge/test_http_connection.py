"""A connection answers in order, and never works for a client that is gone."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import HttpRequest, HttpResponse
from tests.unit.bridge.fakes import FakeServer, echo, never, turn

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_a_request_is_answered_and_the_connection_is_kept() -> None:
    transport = FakeServer(echo()).connect()
    for number in range(3):
        transport.protocol.data_received(GET % number)
        await turn()
        answer = transport.take()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\nx-target: /%d\r\n" % number)
        assert answer.endswith(b"content-length: 5\r\n\r\nhello")
    assert not transport.is_closing()


async def test_a_request_that_comes_byte_by_byte_is_answered() -> None:
    transport = FakeServer(echo()).connect()
    for byte in GET % 7:
        transport.protocol.data_received(bytes([byte]))
    await turn()
    assert b"x-target: /7\r\n" in transport.take()


async def test_pipelined_requests_are_answered_in_order_one_at_a_time() -> None:
    running = 0
    most = 0

    async def slowly(request: HttpRequest) -> HttpResponse:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await turn(5 - int(request.target[1:]))
        running -= 1
        return HttpResponse(200, [("x-target", request.target)])

    transport = FakeServer(slowly).connect()
    transport.protocol.data_received(b"".join(GET % number for number in range(5)))
    await turn(40)
    answers = transport.take()
    order = [answers.index(b"x-target: /%d\r\n" % number) for number in range(5)]
    assert order == sorted(order)
    assert most == 1


async def test_a_client_that_sends_far_ahead_is_not_read_until_its_answers_left() -> None:
    answer = asyncio.get_running_loop().create_future()

    async def when_told(request: HttpRequest) -> HttpResponse:
        await answer
        return HttpResponse(200)

    transport = FakeServer(when_told, HttpLimits(buffered=100)).connect()
    transport.protocol.data_received(GET % 0)
    assert transport.is_reading()
    transport.protocol.data_received((GET % 1) * 10)
    assert not transport.is_reading()
    answer.set_result(None)
    await turn(40)
    assert transport.take().count(b"HTTP/1.1 200 OK") == 11
    assert transport.is_reading()


async def test_a_client_that_is_gone_cancels_its_request() -> None:
    cancelled = False

    async def waiting(request: HttpRequest) -> HttpResponse:
        nonlocal cancelled
        try:
            return await never()
        except asyncio.CancelledError:
            cancelled = True
            raise

    server = FakeServer(waiting)
    transport = server.connect()
    transport.protocol.data_received(GET % 0)
    await turn()
    transport.lose()
    await turn()
    assert cancelled
    assert not server.connections


async def test_connection_close_is_honoured() -> None:
    transport = FakeServer(echo()).connect()
    transport.protocol.data_received(b"GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + GET % 1)
    await turn()
    answer = transport.take()
    assert answer.count(b"HTTP/1.1 200 OK") == 1
    assert b"connection: close\r\n" in answer
    assert transport.is_closing()


async def test_http_1_0_is_closed_after_its_answer() -> None:
    transport = FakeServer(echo()).connect()
    transport.protocol.data_received(b"GET /a HTTP/1.0\r\n\r\n")
    await turn()
    assert b"connection: close\r\n" in transport.take()
    assert transport.is_closing()


async def test_a_body_that_waits_for_permission_gets_it() -> None:
    transport = FakeServer(echo()).connect()
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    transport.protocol.data_received(head)
    assert transport.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
    transport.protocol.data_received(b"abc")
    await turn()
    assert transport.take().startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_refused_body_gets_no_permission() -> None:
    transport = FakeServer(echo()).connect()
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    transport.protocol.data_received(head)
    assert transport.take().startswith(b"HTTP/1.1 413 ")


async def test_a_malformed_request_is_refused_and_nothing_after_it_is_read() -> None:
    asked = list[str]()

    async def asking(request: HttpRequest) -> HttpResponse:
        asked.append(request.target)
        return HttpResponse(200)

    server = FakeServer(asking)
    transport = server.connect()
    (connection,) = server.connections
    transport.protocol.data_received(b"GET /a\r\n\r\n" + GET % 1)
    transport.protocol.data_received(GET % 2)
    await turn()
    answer = transport.take()
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\n")
    assert b"connection: close\r\n" in answer
    assert asked == []
    assert transport.is_ended()
    assert not transport.is_closing()
    connection.expire(server.clock.now + server.limits.linger)
    assert transport.is_aborted()


async def test_a_bad_request_behind_a_good_one_is_refused_after_the_good_answer() -> None:
    transport = FakeServer(echo()).connect()
    transport.protocol.data_received(GET % 0 + b"nonsense\r\n\r\n")
    await turn()
    answer = transport.take()
    assert answer.index(b"200 OK") < answer.index(b"400 Bad Request")


async def test_a_fault_inside_the_bridge_is_a_500_without_its_text() -> None:
    async def failing(request: HttpRequest) -> HttpResponse:
        raise RuntimeError("secret")

    transport = FakeServer(failing).connect()
    with capture_logs() as logs:
        transport.protocol.data_received(GET % 0)
        await turn()
    answer = transport.take()
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"secret" not in answer
    assert [(log["event"], log["target"]) for log in logs] == [("bridge_failed", "/0")]


async def test_an_answer_that_cannot_be_written_is_a_502() -> None:
    async def splitting(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, [("x", "a\r\nset-cookie: b")])

    transport = FakeServer(splitting).connect()
    transport.protocol.data_received(GET % 0)
    await turn()
    answer = transport.take()
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert b"set-cookie" not in answer
