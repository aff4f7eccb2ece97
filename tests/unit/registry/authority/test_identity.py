"""An identity is written in one way, and what looks like it is another or none."""

from __future__ import annotations

import pytest

from crossply_registry.authority.identity import Identity, IdentityFault, parse, trust_domain

ORDERS = Identity("mesh.local", "default", "orders")


def test_an_identity_is_read_as_it_is_written() -> None:
    assert parse(str(ORDERS)) == ORDERS
    assert str(ORDERS) == "spiffe://mesh.local/t/default/svc/orders"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "orders",
        "spiffe://mesh.local/t/default/svc/orders/",
        "spiffe://mesh.local/t/default/svc/orders.",
        "spiffe://mesh.local/t/default/svc/orders\n",
        "spiffe://mesh.local/t/default/svc/Orders",
        "spiffe://mesh.local/t/default/svc/\u043erders",  # a Cyrillic letter
        "spiffe://mesh.local/t/default/svc/orders\0",
        "spiffe://mesh.local/t/default/svc/%6frders",
        "spiffe://mesh.local/t/default/svc/../orders",
        "spiffe://mesh.local/t/default/svc/./orders",
        "spiffe://mesh.local/t/default/svc/any",
        "spiffe://mesh.local/t/default/svc/foreign",
        "spiffe://mesh.local/t/default/svc/",
        "spiffe://mesh.local/t//svc/orders",
        "spiffe://mesh.local/t/default/svc/web/svc/orders",
        "spiffe://mesh.local/svc/orders/t/default",
        "spiffe://mesh.local./t/default/svc/orders",
        "spiffe://Mesh.local/t/default/svc/orders",
        "spiffe://mesh.local:8443/t/default/svc/orders",
        "spiffe://user@mesh.local/t/default/svc/orders",
        "spiffe:///t/default/svc/orders",
        "SPIFFE://mesh.local/t/default/svc/orders",
        "https://mesh.local/t/default/svc/orders",
        "spiffe://mesh.local/t/default/svc/orders?x",
        "spiffe://mesh.local/t/default/svc/orders#x",
        "spiffe://" + "a" * 254 + "/t/default/svc/orders",
    ],
)
def test_what_only_looks_like_one_is_refused_in_ascii(text: str) -> None:
    with pytest.raises(IdentityFault) as refused:
        parse(text)
    assert str(refused.value).isascii()
    assert len(str(refused.value)) < 600


@pytest.mark.parametrize("text", ["mesh.local", "a", "example.com", "x-1.y-2"])
def test_a_trust_domain_is_a_lower_case_domain_name(text: str) -> None:
    assert trust_domain(text) == text


@pytest.mark.parametrize("text", ["", ".", "a.", ".a", "a..b", "A", "a_b", "a b", "-a", "m\u00e4sh"])
def test_what_is_no_trust_domain_is_refused(text: str) -> None:
    with pytest.raises(IdentityFault):
        trust_domain(text)
