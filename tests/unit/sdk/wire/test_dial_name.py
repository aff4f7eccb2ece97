"""What a connection calls itself, and what is read in that name."""

from __future__ import annotations

import pytest

from crossply.wire.dial_name import NameTooLong, named, needs_in


def test_a_name_says_the_instance_and_the_channels_and_is_read_as_it_was_written() -> None:
    name = named("web", "abcdefgh2345", ["stock.*", "orders.created"])
    assert name == "web/abcdefgh2345 orders.created stock.*"
    assert needs_in(name) == ("orders.created", "stock.*")
    assert needs_in(named("web", "abcdefgh2345")) == ()


@pytest.mark.parametrize("name", ["", "web", "NATS CLI Version", "web/x > *.a $JS.API.> a..b A.b", "  "])
def test_what_is_no_channel_pattern_is_not_needed(name: str) -> None:
    assert needs_in(name) == ()


def test_more_than_a_broker_reads_is_refused_with_what_to_do() -> None:
    with pytest.raises(NameTooLong, match="subscribe to fewer, wider patterns"):
        named("web", "abcdefgh2345", [f"orders.{'x' * 60}{number:02}" for number in range(60)])
