"""Which pattern speaks of a channel: the one that names it most exactly."""

from __future__ import annotations

import pytest

from crossply.keyring.patterns import narrowest


@pytest.mark.parametrize(
    ("patterns", "channel", "found"),
    [
        (["orders.>"], "orders.created", "orders.>"),
        (["orders.>"], "orders.created.eu", "orders.>"),
        (["orders.>"], "order.created", None),
        (["orders.>", "orders.*"], "orders.created", "orders.*"),
        (["orders.>", "orders.*", "orders.created"], "orders.created", "orders.created"),
        (["orders.*.eu", "orders.created.*"], "orders.created.eu", "orders.created.*"),
        (["orders.*"], "orders.created.eu", None),
        (["orders.created.>"], "orders.created", None),
        (["orders.created"], "orders.*", None),
        (["orders.*"], "orders.*", "orders.*"),
        (["orders.*"], "orders.>", None),
        (["orders.>"], "orders.>", "orders.>"),
        ([], "orders.created", None),
    ],
)
def test_the_narrowest_that_covers_it_all(patterns: list[str], channel: str, found: str | None) -> None:
    assert narrowest(patterns, channel) == found
    assert narrowest(reversed(patterns), channel) == found
