"""Heads that two parsers could frame differently are refused."""

from __future__ import annotations

import pytest

from crossply_bridge.http_head import Head, parse_head
from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import HttpFault

LIMITS = HttpLimits()


def head(*lines: str, first: str = "POST /a HTTP/1.1", host: str | None = "Host: a") -> Head:
    fields = [line for line in (first, host, *lines) if line is not None]
    return parse_head("\r\n".join([*fields, "", ""]).encode("latin-1"), LIMITS)


def refusal(*lines: str, first: str = "POST /a HTTP/1.1", host: str | None = "Host: a") -> int:
    with pytest.raises(HttpFault) as caught:
        head(*lines, first=first, host=host)
    return caught.value.status


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 4", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked", "Content-Length: 4"],
        ["Content-Length: 4", "Content-Length: 4"],
        ["Content-Length: 4", "Content-Length: 5"],
        ["Content-Length: 4, 4"],
        ["Content-Length: +4"],
        ["Content-Length: -4"],
        ["Content-Length: 0x4"],
        ["Content-Length: 4_0"],
        ["Content-Length: 4 4"],
        ["Content-Length: 4;x"],
        ["Content-Length: 4.0"],
        ["Content-Length:"],
        ["Content-Length: 99999999999999999999999"],
        ["Content-Length : 4"],
        ["Content-Length\t: 4"],
        [" Content-Length: 4"],
        ["Content-Length:\r\n 4"],
        ["Content-Length: 4\r\n 0"],
        ["Content-Length: 4\r\n\t0"],
        ["Content-Length: \xb2"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
        ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
        ["Transfer-Encoding: chunked, identity"],
        ["Transfer-Encoding: identity"],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding: chunkedx"],
        ['Transfer-Encoding: "chunked"'],
        ["Transfer-Encoding: \x0bchunked"],
        ["Transfer-Encoding : chunked"],
        ["Transfer-Encoding:\r\n chunked"],
        ["X: a\nTransfer-Encoding: chunked"],
        ["X: a\rTransfer-Encoding: chunked"],
        ["X: a\x00b"],
        ["X: a\x01b"],
        ["X: a\x7fb"],
        ["X\xe9: a"],
        ["X(a): b"],
        ["X a: b"],
        ["Xa"],
        [": a"],
        ["Host: b"],
        ["Host: a"],
    ],
)
def test_a_head_that_could_be_framed_in_two_ways_is_refused(lines: list[str]) -> None:
    assert refusal(*lines) == 400


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "chunked,", ", chunked", "chunked;q=1"])
def test_a_transfer_coding_other_than_chunked_is_refused(coding: str) -> None:
    assert refusal(f"Transfer-Encoding: {coding}") in {400, 501}


@pytest.mark.parametrize(
    ("first", "status"),
    [
        ("GET  /a HTTP/1.1", 400),
        ("GET /a  HTTP/1.1", 400),
        ("GET /a b HTTP/1.1", 400),
        ("GET\t/a HTTP/1.1", 400),
        (" GET /a HTTP/1.1", 400),
        ("GET /a HTTP/1.1 ", 400),
        ("GET /a http/1.1", 400),
        ("GET /a HTTP/01.1", 400),
        ("GET /a", 400),
        ("GET /a RTSP/1.0", 400),
        ("GET /a ICE/1.0", 400),
        ("GET /\xe9 HTTP/1.1", 400),
        ("GET /\x00 HTTP/1.1", 400),
        ("GET /a HTTP/0.9", 505),
        ("GET /a HTTP/1.2", 505),
        ("GET /a HTTP/2.0", 505),
        ("PRI * HTTP/2.0", 505),
        ("get /a HTTP/1.1", 501),
        ("BREW /a HTTP/1.1", 501),
        ("TRACE /a HTTP/1.1", 501),
        ("CONNECT a:80 HTTP/1.1", 501),
    ],
)
def test_an_odd_request_line_is_refused(first: str, status: int) -> None:
    assert refusal(first=first) == status


@pytest.mark.parametrize("host", ["Host:", "Host: a b", "Host: a/b", "Host: a@b", "Host: a:80:80", "Host: [::1", None])
def test_the_host_is_needed_once_and_must_be_one(host: str | None) -> None:
    assert refusal(host=host) == 400


@pytest.mark.parametrize("host", ["a", "a:8600", "127.0.0.1:1", "[::1]:8600", "[::1]", "a_b.example"])
def test_a_plain_host_passes(host: str) -> None:
    assert head(host=f"Host: {host}").headers == [("host", host)]


def test_http_1_0_needs_no_host_and_has_no_transfer_encoding() -> None:
    assert head(first="GET /a HTTP/1.0", host=None).version == "1.0"
    assert refusal("Transfer-Encoding: chunked", first="POST /a HTTP/1.0") == 400


def test_names_are_lowered_and_values_lose_the_space_around_them() -> None:
    assert head("X-Thing: \t a b \t ", "X-Empty:").headers[1:] == [("x-thing", "a b"), ("x-empty", "")]


def test_values_outside_ascii_pass_as_latin_1() -> None:
    assert head("X: caf\xe9").headers[1] == ("x", "caf\xe9")


def test_the_body_is_framed_by_length_or_chunks() -> None:
    assert head().length == 0
    assert head("Content-Length: 12 ").length == 12
    assert head("Content-Length: 0012").length == 12
    assert head("Transfer-Encoding: ChUnKeD").length is None


def test_a_body_above_the_limit_is_refused_before_it_is_read() -> None:
    assert head(f"Content-Length: {LIMITS.body}").length == LIMITS.body
    assert refusal(f"Content-Length: {LIMITS.body + 1}") == 413


def test_the_head_is_bounded() -> None:
    assert refusal(first=f"GET /{'a' * 8200} HTTP/1.1") == 414
    assert refusal(f"X: {'a' * 16_400}") == 431
    assert len(head(*["X: a"] * 63).headers) == 64
    assert refusal(*["X: a"] * 64) == 431


@pytest.mark.parametrize(
    ("version", "line", "kept"),
    [
        ("1.1", None, True),
        ("1.1", "Connection: close", False),
        ("1.1", "Connection: x, Close", False),
        ("1.0", None, False),
        ("1.0", "Connection: keep-alive", True),
        ("1.0", "Connection: keep-alive, close", False),
    ],
)
def test_the_connection_is_kept_as_http_says(version: str, line: str | None, kept: bool) -> None:
    lines = [line] if line else []
    assert head(*lines, first=f"GET /a HTTP/{version}").keep_alive is kept


def test_the_only_expectation_met_is_continue() -> None:
    assert head("Expect: 100-Continue").expects
    assert not head().expects
    assert not head("Expect: 100-continue", first="POST /a HTTP/1.0").expects
    assert refusal("Expect: 200-ok") == 417


def test_an_upgrade_is_not_taken() -> None:
    asked = head("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAA", "Content-Length: 4")
    assert asked.length == 4
    assert asked.keep_alive
