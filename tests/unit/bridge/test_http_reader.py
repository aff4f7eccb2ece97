"""However the bytes of a connection are cut, the same requests come out of it."""

from __future__ import annotations

import contextlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import HttpFault
from crossply_bridge.http_reader import RequestReader, Stage

GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5;ext=1\r\nhello\r\n1\r\n \r\n00006\r\nworld\n\r\n0\r\nX-Trailer: a\r\n\r\n"
)
STREAM = GET + POST + b"\r\n\r\n" + CHUNKED + GET + POST
EXPECTED = [
    ("GET", "/a", b""),
    ("POST", "/b", b"hello"),
    ("PUT", "/c", b"hello world\n"),
    ("GET", "/a", b""),
    ("POST", "/b", b"hello"),
]


def reader(limits: HttpLimits | None = None) -> RequestReader:
    return RequestReader(limits or HttpLimits())


def read(pieces: list[bytes], limits: HttpLimits | None = None) -> list[tuple[str, str, bytes]]:
    reading, found = reader(limits), list[tuple[str, str, bytes]]()
    for piece in pieces:
        reading.feed(piece)
        while (request := reading.next()) is not None:
            found.append((request.method, request.target, request.body))
    assert reading.buffered == 0
    assert reading.stage is Stage.IDLE
    return found


def refusal(data: bytes, limits: HttpLimits | None = None) -> int:
    """Return the status of the refusal, which must be the same for every way to cut the bytes."""
    statuses = set[int]()
    for size in (len(data), 1, 7):
        with pytest.raises(HttpFault) as caught:
            read([data[at : at + size] for at in range(0, len(data), size)], limits)
        statuses.add(caught.value.status)
    (status,) = statuses
    return status


def test_requests_come_out_in_order() -> None:
    assert read([STREAM]) == EXPECTED


def test_requests_come_out_of_single_bytes() -> None:
    assert read([STREAM[at : at + 1] for at in range(len(STREAM))]) == EXPECTED


@given(st.lists(st.integers(0, len(STREAM)), max_size=30).map(sorted))
def test_requests_do_not_depend_on_where_the_stream_is_cut(cuts: list[int]) -> None:
    edges = [0, *cuts, len(STREAM)]
    assert read([STREAM[a:b] for a, b in pairwise(edges)]) == EXPECTED


def test_the_next_request_waits_unparsed() -> None:
    reading = reader()
    reading.feed(GET + b"nonsense\r\n\r\n")
    assert reading.next() is not None
    with pytest.raises(HttpFault):
        reading.next()


def test_the_stage_says_what_is_missing() -> None:
    reading = reader()
    assert (reading.next(), reading.stage) == (None, Stage.IDLE)
    reading.feed(POST[:20])
    assert (reading.next(), reading.stage) == (None, Stage.HEAD)
    reading.feed(POST[20:-1])
    assert (reading.next(), reading.stage) == (None, Stage.BODY)
    reading.feed(POST[-1:])
    assert reading.next() is not None
    assert reading.stage is Stage.IDLE


def test_continue_is_owed_once_and_only_while_nothing_of_the_body_came() -> None:
    expecting = POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")
    reading = reader()
    reading.feed(expecting[:-5])
    assert reading.next() is None
    assert reading.owes_continue()
    assert not reading.owes_continue()
    eager = reader()
    eager.feed(expecting[:-2])
    assert eager.next() is None
    assert not eager.owes_continue()


CHUNKED_HEAD = b"POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello0\r\n\r\n....",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b" 5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"5_0\r\nhello\r\n0\r\n\r\n",
        b"\r\nhello\r\n0\r\n\r\n",
        b"5,5\r\nhello\r\n0\r\n\r\n",
        b"5;a=\x00\r\nhello\r\n0\r\n\r\n",
        b"5;a=\rb\r\nhello\r\n0\r\n\r\n",
        b"5;" + b"a" * 300 + b"\r\nhello\r\n0\r\n\r\n",
        b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        b"0\r\nno field\r\n\r\n",
        b"0\r\n folded: x\r\n\r\n",
        b"0\r\nX : y\r\n\r\n",
        b"0\r\nX: y\n\r\n",
        b"0\r\nX: \x00\r\n\r\n",
        b"0\r\n\n",
    ],
)
def test_a_malformed_chunked_body_is_refused(body: bytes) -> None:
    assert refusal(CHUNKED_HEAD + body) == 400


def test_a_chunked_body_is_bounded_before_it_is_buffered() -> None:
    limits = HttpLimits(body=10)
    assert read([CHUNKED_HEAD + b"5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"], limits)[0][2] == b"helloworld"
    assert refusal(CHUNKED_HEAD + b"5\r\nhello\r\n6\r\n", limits) == 413
    assert refusal(CHUNKED_HEAD + b"b\r\n", limits) == 413


def test_trailers_are_bounded() -> None:
    assert refusal(CHUNKED_HEAD + b"0\r\n" + b"X: a\r\n" * 4000) == 431


def test_a_trailer_cannot_become_a_header() -> None:
    reading = reader()
    reading.feed(CHUNKED_HEAD + b"0\r\nCrossply-Key: x\r\nContent-Length: 5\r\n\r\n")
    request = reading.next()
    assert request is not None
    assert [name for name, _ in request.headers] == ["host", "transfer-encoding"]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        (b"\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET /" + b"a" * 8192, 414),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 16_500, 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_what_can_never_become_a_request_is_refused_early(data: bytes, status: int) -> None:
    assert refusal(data) == status


def test_a_smuggled_second_request_is_only_a_body() -> None:
    hidden = b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
    head = b"POST /a HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n\r\n"
    assert read([head % len(hidden) + hidden]) == [("POST", "/a", hidden)]


@given(st.lists(st.sampled_from([*CHUNKED_HEAD.split(b" "), b"\r\n", b"\n", b"0", b":", b"\x00", GET, POST, b"5\r\n"])))
def test_no_input_ends_otherwise_than_in_requests_or_a_refusal(pieces: list[bytes]) -> None:
    reading = reader()
    with contextlib.suppress(HttpFault):
        for piece in pieces:
            reading.feed(piece)
            while (request := reading.next()) is not None:
                assert request.target.isascii()
