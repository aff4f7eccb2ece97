"""Answers of the application are framed as HTTP says, bounded, and never trusted beyond their end."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossply_bridge.app_reply import AppReply, ReplyFault, ReplyReader
from crossply_bridge.http_limits import HttpLimits

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\nX-Trailer: a\r\n\r\n"
)


def read(data: bytes, method: str = "GET", limits: HttpLimits | None = None, step: int = 0) -> AppReply | None:
    reader = ReplyReader(method, limits or HttpLimits())
    reply = None
    for at in range(0, len(data), step or len(data)):
        reply = reader.feed(data[at : at + (step or len(data))])
    return reply


def whole(data: bytes, method: str = "GET") -> AppReply:
    reply = read(data, method)
    assert reply is not None
    return reply


def test_an_answer_has_status_headers_and_body() -> None:
    reply = whole(OK)
    assert (reply.status, reply.body, reply.reusable) == (200, b"hello", True)
    assert reply.headers == [("content-type", "text/plain"), ("content-length", "5")]


def test_a_chunked_answer_is_put_together_without_its_trailers() -> None:
    reply = whole(CHUNKED)
    assert (reply.status, reply.body, reply.reusable) == (201, b"hello", True)
    assert [name for name, _ in reply.headers] == ["transfer-encoding"]


@given(st.sampled_from([OK, CHUNKED]), st.lists(st.integers(0, 90), max_size=12).map(sorted))
def test_an_answer_does_not_depend_on_where_it_is_cut(data: bytes, cuts: list[int]) -> None:
    reader = ReplyReader("GET", HttpLimits())
    edges = [0, *(cut for cut in cuts if cut < len(data)), len(data)]
    replies = [reader.feed(data[a:b]) for a, b in pairwise(edges)]
    assert replies[-1] is not None
    assert (replies[-1].body, replies[-1].headers) == (whole(data).body, whole(data).headers)
    assert not any(replies[:-1])


@pytest.mark.parametrize(
    "head",
    [
        "HTTP/1.1 204 No Content",
        "HTTP/1.1 304 Not Modified",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5",
    ],
)
def test_an_answer_without_a_body_is_whole_after_its_head(head: str) -> None:
    reply = whole(f"{head}\r\n\r\n".encode())
    assert (reply.body, reply.reusable) == (b"", True)


@pytest.mark.parametrize("framing", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n", b""])
def test_an_answer_to_head_is_whole_after_its_head(framing: bytes) -> None:
    reply = whole(b"HTTP/1.1 200 OK\r\n" + framing + b"\r\n", "HEAD")
    assert (reply.body, reply.reusable) == (b"", True)


def test_a_body_in_answer_to_head_is_thrown_away_with_its_connection() -> None:
    reply = whole(OK, "HEAD")
    assert (reply.body, reply.reusable) == (b"", False)


def test_interim_answers_are_read_over() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    reply = whole(interim + OK)
    assert (reply.status, reply.body) == (200, b"hello")
    assert "link" not in dict(reply.headers)


@pytest.mark.parametrize(
    "head",
    ["HTTP/1.1 200 OK\r\nConnection: close", "HTTP/1.1 200 OK\r\nConnection: x, Close", "HTTP/1.0 200 OK"],
)
def test_a_connection_that_ends_is_not_used_again(head: str) -> None:
    assert whole(f"{head}\r\nContent-Length: 0\r\n\r\n".encode()).reusable is False


def test_http_1_0_may_keep_its_connection() -> None:
    assert whole(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n").reusable


@pytest.mark.parametrize("extra", [b"x", OK, b"HTTP/1.1 200 OK\r\n"])
def test_bytes_beyond_the_answer_end_the_connection(extra: bytes) -> None:
    reply = whole(OK + extra)
    assert (reply.body, reply.reusable) == (b"hello", False)


def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    reader = ReplyReader("GET", HttpLimits())
    assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nhel") is None
    assert reader.feed(b"lo") is None
    reply = reader.finish()
    assert reply is not None
    assert (reply.body, reply.reusable) == (b"hello", False)


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 2", OK[:-1], CHUNKED[:-2]])
def test_an_answer_broken_off_is_none(data: bytes) -> None:
    reader = ReplyReader("GET", HttpLimits())
    if data:
        reader.feed(data)
    assert reader.finish() is None
    assert reader.started is bool(data)


@pytest.mark.parametrize(
    "data",
    [
        b"not HTTP\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: \x00\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 65 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 30_000,
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_an_answer_that_cannot_be_trusted_is_a_fault(data: bytes, step: int) -> None:
    with pytest.raises(ReplyFault):
        read(data, step=step)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!",
        b"HTTP/1.1 200 OK\r\n\r\nhello!",
    ],
)
def test_the_body_is_bounded(data: bytes) -> None:
    with pytest.raises(ReplyFault, match="larger than 5 bytes"):
        read(data, limits=HttpLimits(body=5))


def test_the_length_an_answer_to_head_speaks_of_is_not_bounded() -> None:
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n"
    assert read(data, "HEAD", HttpLimits(body=5)) is not None
