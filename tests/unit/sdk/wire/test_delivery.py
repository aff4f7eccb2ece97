"""What an ack subject tells of an event: and nothing where it is none, whatever somebody at the broker made of it."""

from __future__ import annotations

import pytest

from crossply.wire.delivery import place


def test_both_forms_tell_delivery_sequence_and_time() -> None:
    assert place("$JS.ACK.MESH_EVT_shop.orders_shop.2.7.5.1790000000500000000.0") == (2, 7, 1790000000.5)
    assert place("$JS.ACK._.hash.MESH_EVT_shop.orders_shop.2.7.5.1790000000500000000.0.x") == (2, 7, 1790000000.5)


@pytest.mark.parametrize("token", ["", "x", "-", "0x1", "1" * 400, "9" * 5000])
def test_one_that_is_none_tells_a_time_at_which_no_credential_was_in_force(token: str) -> None:
    assert place(f"$JS.ACK.MESH_EVT_shop.orders_shop.2.7.5.{token}.0")[2] == 0.0
    assert place(token) == (1, 0, 0.0)
