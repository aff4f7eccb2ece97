"""Targets that mean one thing to everybody pass; all others are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossply_bridge.http_message import HttpFault
from crossply_bridge.request_target import parse_target

PASSING = [
    "/",
    "/items/a",
    "/items/a/",
    "/items/a?color=red&size=%2F..",
    "/items/a?",
    "/items?next=/../x//y?z",
    "/items/a;v=1/b,c",
    "/items/caf%C3%A9",
    "/items/100%25",
    "/items/a%2520b",
    "/items/%7Euser",
    "/.well-known/x",
    "/a/...",
    "/a/.hidden",
    "/a/b..c/d.",
    "/@scope/pkg:1!$&'()*+=~_-",
    "/q?json={%22a%22:[1,2]}|^`\\",
]

REFUSED = [
    "",
    "*",
    "items",
    "http://elsewhere/items",
    "//elsewhere/items",
    "/items//a",
    "/items/../secret",
    "/items/..",
    "/items/.",
    "/./items",
    "/..;/secret",
    "/items/..;x=1/secret",
    "/items/.;/secret",
    "/items/%2e%2e/secret",
    "/items/%2E./secret",
    "/items/.%2e/secret",
    "/items/%252e%252e/secret",
    "/items/%25252e./secret",
    "/items%252fa",
    "/items%252Fa",
    "/items%255c..%255Csecret",
    "/items/a%2500.txt",
    "/items%2fa",
    "/items%2Fa",
    "/items%5ca",
    "/items%5C..%5Csecret",
    "/items\\a",
    "/items/\\..\\secret",
    "/items/a%00.txt",
    "/items/a%0d%0aHost:%20x",
    "/items/a%0A",
    "/items/a%7f",
    "/items/a%1F",
    "/items/a#fragment",
    "/items/a?x#fragment",
    "/items/%",
    "/items/%4",
    "/items/%zz",
    "/items/%u002e",
    "/items/%c0%ae%c0%ae/secret",
    "/items/%E9",
    "/items/%ED%A0%80",
    "/items/a b",
    "/items/a\tb",
    "/items/a\x00",
    "/items/é",
    "/items/<script>",
    '/items/"',
    "/items/{a}",
    "/items/a|b",
    "/items?a b",
    "/items?a\r\nb",
    "/items?é",
]


@pytest.mark.parametrize("raw", PASSING)
def test_a_path_in_normal_form_passes_as_it_came(raw: str) -> None:
    assert parse_target(raw).raw == raw


@pytest.mark.parametrize("raw", REFUSED)
def test_a_path_that_could_be_read_in_two_ways_is_refused(raw: str) -> None:
    with pytest.raises(HttpFault) as caught:
        parse_target(raw)
    assert caught.value.status == 400


def test_the_query_is_split_off_and_kept_raw() -> None:
    target = parse_target("/a?b=%2e%2E&c=?")
    assert (target.path, target.query) == ("/a", "b=%2e%2E&c=?")
    assert parse_target("/a").query is None
    assert parse_target("/a?").query == ""


@given(st.text(alphabet="/.%2eE5cf0;\\#?aé \x00", max_size=20))
def test_what_passes_has_no_second_reading(raw: str) -> None:
    try:
        target = parse_target(raw)
    except HttpFault:
        return
    segments = target.path.split("/")[1:]
    assert "" not in segments[:-1]
    assert not {".", ".."} & {segment.partition(";")[0] for segment in segments}
    assert "%2f" not in target.path.lower()
    assert "%2e" not in target.path.lower()
    assert target.raw == raw
