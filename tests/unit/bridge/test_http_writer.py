"""Answers are framed by the bridge alone."""

from __future__ import annotations

import pytest

from crossply_bridge.headers import HeaderFault
from crossply_bridge.http_message import Fields, HttpResponse
from crossply_bridge.http_writer import DateField, encode


def written(response: HttpResponse, method: str = "GET", version: str = "1.1", *, keep_alive: bool = True) -> bytes:
    return encode(response, method=method, version=version, keep_alive=keep_alive, date="date: now\r\n")


def test_an_answer_has_its_length_and_a_date() -> None:
    assert written(HttpResponse(200, [("x", "a")], b"hello")) == (
        b"HTTP/1.1 200 OK\r\nx: a\r\ndate: now\r\ncontent-length: 5\r\n\r\nhello"
    )


def test_the_date_of_the_application_is_kept() -> None:
    assert written(HttpResponse(200, [("date", "then")])).count(b"date:") == 1


def test_framing_fields_of_others_are_not_written() -> None:
    foreign: Fields = [("content-length", "99"), ("transfer-encoding", "chunked"), ("connection", "close")]
    assert written(HttpResponse(200, foreign, b"a")) == (b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-length: 1\r\n\r\na")


def test_an_answer_to_head_keeps_the_length_and_drops_the_body() -> None:
    assert b"content-length: 42\r\n\r\n" in written(HttpResponse(200, [("content-length", "42")]), "HEAD")
    assert written(HttpResponse(200, [], b"hello"), "HEAD").endswith(b"content-length: 5\r\n\r\n")
    assert b"content-length" not in written(HttpResponse(200), "HEAD")
    assert b"content-length" not in written(HttpResponse(200, [("content-length", "4\u00b2")]), "HEAD")


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_that_cannot_have_a_body_has_none(status: int) -> None:
    data = written(HttpResponse(status, [], b"hello"))
    assert b"content-length" not in data
    assert data.endswith(b"\r\n\r\n")


def test_the_client_is_told_what_becomes_of_the_connection() -> None:
    assert b"connection: close\r\n" in written(HttpResponse(200), keep_alive=False)
    assert b"connection: keep-alive\r\n" in written(HttpResponse(200), version="1.0")
    assert b"connection" not in written(HttpResponse(200))


def test_an_unknown_status_is_written_without_a_phrase() -> None:
    assert written(HttpResponse(299)).startswith(b"HTTP/1.1 299 \r\n")


@pytest.mark.parametrize(
    "field",
    [
        ("x", "a\r\nset-cookie: b"),
        ("x", "a\nb"),
        ("x", "a\x00"),
        ("x", "ሴ"),
        ("x y", "a"),
        ("", "a"),
        ("x:", "a"),
    ],
)
def test_a_field_that_would_break_the_framing_is_refused(field: tuple[str, str]) -> None:
    with pytest.raises(HeaderFault):
        written(HttpResponse(200, [field]))


def test_the_date_changes_with_the_second() -> None:
    now = [0.5]
    date = DateField(lambda: now[0])
    assert date.line() == "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    now[0] = 0.99
    first = date.line()
    now[0] = 1.0
    assert date.line() == "date: Thu, 01 Jan 1970 00:00:01 GMT\r\n" != first
