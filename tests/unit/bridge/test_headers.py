"""What belongs to a hop stays on it, and clients cannot say what only the bridge may."""

from __future__ import annotations

import pytest

from crossply_bridge.headers import (
    HeaderFault,
    checked,
    end_to_end,
    from_outside,
    lowered,
    without_overrides,
    without_reserved,
)
from crossply_bridge.http_message import Fields

HOP: Fields = [
    ("connection", "X-Hop, close, x-other"),
    ("keep-alive", "timeout=5"),
    ("proxy-connection", "keep-alive"),
    ("proxy-authorization", "Basic x"),
    ("te", "trailers"),
    ("trailer", "x"),
    ("transfer-encoding", "chunked"),
    ("upgrade", "h2c"),
    ("http2-settings", "AAA"),
    ("expect", "100-continue"),
    ("x-hop", "named by Connection"),
    ("x-other", "named by Connection"),
    ("content-length", "5"),
    ("host", "a"),
]
KEPT: Fields = [
    ("accept", "*/*"),
    ("cookie", "a=b"),
    ("cookie", "c=d"),
    ("authorization", "Bearer x"),
    ("content-type", "text/plain"),
]


def test_hop_by_hop_fields_do_not_travel() -> None:
    assert end_to_end([*HOP, *KEPT]) == KEPT


def test_what_clients_say_of_themselves_is_replaced() -> None:
    claimed: Fields = [
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "bank"),
        ("x-forwarded-anything", "x"),
        ("forwarded", "for=10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("crossply-key", "k"),
        ("crossply-peer", "admin"),
        ("nats-rollup", "all"),
        ("traceparent", "00-" + "1" * 32 + "-" + "1" * 16 + "-01"),
        ("tracestate", "a=b"),
        ("baggage", "user=admin"),
    ]
    assert from_outside([*claimed, *KEPT], peer="192.0.2.7", host="shop.example") == [
        *KEPT,
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "shop.example"),
        ("via", "1.1 crossply"),
    ]


FORGED = [
    "x_forwarded_for",
    "X_Forwarded-For",
    "X-Forwarded-Client-Cert",
    "x_real_ip",
    "Crossply_Peer",
    "nats_request_info",
    "Nats-Msg-Id",
    "nats-trace-dest",
    "nats-schedule-target",
    "x-envoy-original-path",
    "X-Envoy-External-Address",
    "x_original_url",
    "X-Original-URI",
    "X-Rewrite-Url",
    "X-HTTP-Method-Override",
    "x_http_method_override",
    "X-HTTP-Method",
    "x-method-override",
    "Transfer_Encoding",
    "content_length",
]
"""What would have an application believe the client where it believes its proxy, in every spelling of CGI and WSGI."""


@pytest.mark.parametrize("name", FORGED)
def test_no_spelling_of_what_only_a_proxy_may_say_passes_the_edge(name: str) -> None:
    fields = from_outside(lowered([(name, "forged"), *KEPT]), peer="192.0.2.7", host="shop.example")
    assert "forged" not in [value for _, value in fields]
    assert fields[: len(KEPT)] == KEPT


@pytest.mark.parametrize("option", ["x-forwarded-for", "X-Forwarded-Proto", "via", "x-forwarded-host"])
def test_a_client_cannot_have_what_the_edge_says_removed_as_of_the_hop(option: str) -> None:
    fields = from_outside([("connection", f"close, {option}")], peer="192.0.2.7", host="shop.example")
    assert {name for name, _ in fields} == {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "via"}


def test_of_repeated_fields_and_lists_none_is_taken_for_what_the_edge_says() -> None:
    claimed: Fields = [("x-forwarded-for", "10.0.0.1"), ("x-forwarded-for", "10.0.0.2, 10.0.0.3"), ("x-a", "1, 2")]
    fields = from_outside([*claimed, ("x-a", "3")], peer="192.0.2.7", host=None)
    assert [value for name, value in fields if name == "x-forwarded-for"] == ["192.0.2.7"]
    assert [value for name, value in fields if name == "x-a"] == ["1, 2", "3"]


def test_what_an_application_would_take_for_another_method_or_path_is_dropped() -> None:
    assert without_overrides([("x_original_url", "/admin"), ("x-http-method", "DELETE"), ("x", "1")]) == [("x", "1")]


def test_an_absent_host_is_not_invented() -> None:
    assert "x-forwarded-host" not in dict(from_outside([], peer="192.0.2.7", host=None))


def test_what_means_something_to_the_mesh_or_the_broker_is_dropped() -> None:
    assert without_reserved([("crossply-x", "a"), ("nats-msg-id", "a"), ("x-nats", "a")]) == [("x-nats", "a")]


def test_names_have_one_spelling() -> None:
    assert lowered([("X-Thing", "A")]) == [("x-thing", "A")]


@pytest.mark.parametrize(
    "field",
    [
        ("x", "a\r\nhost: b"),
        ("x", "a\nb"),
        ("x", "a\rb"),
        ("x", "a\x00b"),
        ("x", "a\x7fb"),
        ("x", "snow ☃"),
        ("", "a"),
        ("x y", "a"),
        ("x:y", "a"),
        ("x\r\ny", "a"),
        ("x\n", "a"),
        ("é", "a"),
    ],
)
def test_a_field_that_cannot_be_written_on_one_line_is_refused(field: tuple[str, str]) -> None:
    with pytest.raises(HeaderFault):
        checked([("fine", "a"), field])


def test_plain_fields_pass() -> None:
    fields: Fields = [("x-a_b!", "tab\tand caf\xe9"), ("x", "")]
    assert checked(fields) == fields
