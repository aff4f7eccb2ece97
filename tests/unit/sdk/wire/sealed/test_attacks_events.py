"""Whoever holds the wire changes, cuts, mixes and moves sealed events: nothing of that opens.

Through the parts that a link reads with: opener, decoder, and the forms of messages like the one before.
"""

from __future__ import annotations

import time

import pytest

from crossply.errors import Unavailable
from crossply.seal import layout
from crossply.wire.envelope import NotYetReadable
from crossply.wire.sealed.link import SealedLink
from tests.support.vouched import Vouching
from tests.unit.sdk.wire.sealed.held import FIELDS, a_link, an_event, flips, opens, swapped


@pytest.fixture
def links() -> tuple[SealedLink, SealedLink]:
    vouching = Vouching()
    return a_link(vouching, "web", "k7q2mzp4x3ab"), a_link(vouching, "stock", "m7q2mzp4x3ac")


@pytest.mark.parametrize("seen", [False, True], ids=["the first", "in a session"])
def test_no_bit_and_no_end_of_an_event_may_be_another(links: tuple[SealedLink, SealedLink], seen: bool) -> None:
    web, stock = links
    if seen:
        assert opens(stock, web.events.pack(an_event()))
    payload = web.events.pack(an_event())
    changed = [*flips(payload), *(payload[:end] for end in range(len(payload))), payload + b"\0", payload * 2]
    assert sum(opens(stock, each) for each in changed) == 0
    assert opens(stock, payload)


@pytest.mark.parametrize("name", [*FIELDS, "signature"])
def test_no_field_of_an_event_may_be_that_of_another(links: tuple[SealedLink, SealedLink], name: str) -> None:
    web, stock = links
    events = [web.events.pack(an_event()), stock.events.pack(an_event()), web.events.pack(an_event("orders.paid"))]
    events.append(web.events.pack(an_event(body=b"another, and longer than that")))
    mixed = {swapped_event(one, name, other) for one in events for other in events} - set(events)
    assert sum(opens(stock, each, channel) for each in mixed for channel in ("orders.created", "orders.paid")) == 0
    assert [opens(stock, each) for each in events] == [True, True, False, True]


def swapped_event(payload: bytes, name: str, other: bytes) -> bytes:
    mine, theirs = payload[-layout.SIGNATURE :], other[-layout.SIGNATURE :]
    if name == "signature":
        return payload[: -layout.SIGNATURE] + theirs
    return swapped(payload[: -layout.SIGNATURE], name, other[: -layout.SIGNATURE]) + mine


def test_where_a_channels_keys_are_not_known_nothing_is_sealed_with_another_key_nor_sent_in_the_clear(
    links: tuple[SealedLink, SealedLink],
) -> None:
    web, stock = links
    sealed = web.events.pack(an_event())
    vars(web.sealing.keys)["authority"] = vars(stock.sealing.keys)["authority"] = Vouching(channel=None)
    with pytest.raises(Unavailable, match="the channel's keys are not known here"):
        web.events.pack(an_event())
    with pytest.raises(NotYetReadable):
        stock.events.open(sealed, "orders.created", time.time(), time.monotonic())
