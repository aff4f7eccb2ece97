"""Trace context is believed from the networks that the configuration names."""

from __future__ import annotations

import pytest

from crossply_bridge.trust import parse_trust, traceparent

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("trust", "peer", "trusted"),
    [
        ("loopback", "127.0.0.1", True),
        ("loopback", "127.8.9.1", True),
        ("loopback", "::1", True),
        ("loopback", "::ffff:127.0.0.1", True),
        ("loopback", "10.0.0.1", False),
        ("none", "127.0.0.1", False),
        ("all", "203.0.113.9", True),
        ("all", "2001:db8::1", True),
        ("10.0.0.0/8, 2001:db8::/32", "10.255.0.1", True),
        ("10.0.0.0/8, 2001:db8::/32", "2001:db8::7", True),
        ("10.0.0.0/8, 2001:db8::/32", "127.0.0.1", False),
        ("all", "", False),
        ("all", "not an address", False),
    ],
)
def test_a_peer_is_trusted_by_its_network(trust: str, peer: str, trusted: bool) -> None:
    assert parse_trust(trust).trusts(peer) is trusted


@pytest.mark.parametrize("text", ["everyone", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/8,", ""])
def test_what_names_no_network_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="network"):
        parse_trust(text)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        TRACE.upper(),
        TRACE[:-1],
        TRACE + "0",
        TRACE + "\n",
        "01" + TRACE[2:],
        "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-" + "0" * 16 + "-01",
    ],
)
def test_a_malformed_trace_context_is_none(text: str | None) -> None:
    assert traceparent(text) is None


def test_a_trace_context_is_taken() -> None:
    assert traceparent(TRACE) == TRACE
