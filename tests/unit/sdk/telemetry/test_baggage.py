"""Baggage as a header field."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crossply.telemetry.baggage import MOST, MOST_BYTES, read, written

NAMES = st.text("abcXYZ019-_.", min_size=1, max_size=10)


@given(st.dictionaries(NAMES, st.text(max_size=20), max_size=MOST))
def test_what_is_written_is_read_again(said: dict[str, str]) -> None:
    whole = {name: value.strip() for name, value in said.items()}
    assert read(written(whole)) == whole


@given(st.text())
def test_whatever_comes_is_read_within_the_bounds(text: str) -> None:
    said = read(text)
    assert len(said) <= MOST
    assert sum(len(name) + len(value.encode()) for name, value in said.items()) <= MOST_BYTES


def test_what_is_beyond_the_bounds_is_left_out() -> None:
    assert len(read(",".join(f"n{number}=1" for number in range(100)))) == MOST
    assert read(f"small=1,large={'x' * 2000},later=1") == {"small": "1"}


def test_what_is_malformed_is_left_out() -> None:
    assert read("novalue,=noname,two words=1,good=1;property=2") == {"good": "1"}
