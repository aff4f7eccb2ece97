"""What the wire relies on in nats-py beyond its documented API: these names, with these parameters."""

from __future__ import annotations

import inspect

import pytest
from nats.aio.client import Client
from nats.aio.subscription import Subscription

from crossply.wire.client import MeshClient

RELIED_ON = {
    "_process_err": ["self", "err_msg"],
    "_process_op_err": ["self", "e"],
    "_process_msg": ["self", "sid", "subject", "reply", "data", "headers"],
    "_send_ping": ["self", "future"],
    "publish": ["self", "subject", "payload", "reply", "headers"],
    "close": ["self"],
    "force_reconnect": ["self"],
}


@pytest.mark.parametrize("name", RELIED_ON)
def test_a_method_that_the_wire_overrides_or_calls_is_as_it_was(name: str) -> None:
    assert list(inspect.signature(getattr(Client, name)).parameters) == RELIED_ON[name]
    assert inspect.iscoroutinefunction(getattr(Client, name))


@pytest.mark.parametrize("name", ["pending_data_size", "is_connected", "max_payload", "connected_url"])
def test_a_property_that_the_wire_reads_is_there(name: str) -> None:
    assert isinstance(getattr(Client, name), property)


def test_the_client_keeps_its_transport_and_what_is_unwritten_under_the_names_the_wire_uses() -> None:
    assert {"_transport", "_pending", "_pending_data_size"} <= vars(MeshClient(lambda _what, _error: None)).keys()
    assert inspect.iscoroutinefunction(Subscription.drain)
