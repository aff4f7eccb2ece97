"""JSON that hides something, or is too much, is refused before it is read as a document."""

from __future__ import annotations

import pytest

from crossply_policy.faults import PolicyInvalid
from crossply_policy.json_text import decode


def refusal(raw: bytes) -> str:
    """Return why a text is refused."""
    with pytest.raises(PolicyInvalid) as refused:
        decode(raw)
    return str(refused.value)


def test_a_plain_text_is_decoded() -> None:
    assert decode(' {"a": [1, 2.5, true, null, "ö"]} '.encode()) == {"a": [1, 2.5, True, None, "ö"]}


def test_a_key_that_stands_twice_is_refused_with_its_path() -> None:
    assert refusal(b'{"a": 1, "b": [{"c": 1, "c": 2, "c": 3}], "a": 2}') == (
        "a: is there twice; b[0].c: is there twice"
    )


def test_a_key_that_stands_twice_is_found_however_deep_and_however_hidden() -> None:
    assert "a key twice" in refusal(b'{"a":' * 50 + b'{"b":1,"b":2}' + b"}" * 50)
    assert refusal(b'{"a": {"b": 1, "b": 2}, "a": 1}') == "a: is there twice"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is not JSON: expecting value"),
        (b'{"a": 1} x', "is not JSON: extra data, at line 1, column 10"),
        (b'{"a": 1,\n"b"}', "line 2"),
        (b"{'a': 1}", "is not JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "is not JSON"),
        (b'{"a": "\xff"}', "is not UTF-8 at byte 7"),
        (b'"\xed\xa0\x80"', "is not UTF-8 at byte 1"),
        (b"[" * 100_000, "is nested deeper than 32 levels"),
        (b'{"a":' * 40_000, "is nested deeper than 32 levels"),
        (b" " * (256 * 1024 + 1), "is 262145 bytes long, at most 262144 are allowed"),
    ],
)
def test_what_is_no_bounded_json_is_refused_with_the_place(raw: bytes, why: str) -> None:
    assert why in refusal(raw)


def test_a_number_of_many_digits_is_read_without_effort() -> None:
    assert decode(b"9" * 100_000) == float("inf")
    assert decode(b"-" + b"9" * 20) == -99999999999999999999
