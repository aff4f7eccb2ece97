"""May this caller do that: deny beats allow beats the default, whatever the order."""

from __future__ import annotations

from itertools import permutations

import pytest

from crossply_policy.access.decision import Caller, Decision, may_call, may_publish, may_subscribe, standing
from crossply_policy.access.rules import Access, compile_access
from tests.unit.policy.access.writing import access, documents, on, said, to

WEB = Caller(service="web", identity="spiffe://mesh.local/t/default/svc/web")


def decided(rules: Access, endpoint: str = "create", path: str | None = None, caller: Caller = WEB) -> tuple[bool, str]:
    """Return the decision on a call of `orders`, and its rule."""
    decision = may_call(rules, caller, "orders", endpoint, path)
    return decision.allowed, decision.rule


def test_what_nobody_allows_is_denied_by_no_rule() -> None:
    assert decided(Access()) == (False, "")
    assert decided(access(other=said("allow", ["mobile"], to()), elsewhere=said("allow", ["web"], to("stock")))) == (
        False,
        "",
    )


def test_one_pattern_is_every_channel_whatever_its_family() -> None:
    rules = access(everything=said("allow", ["web"], on(">")), quiet=said("deny", ["*"], on("secrets.>")))
    for may in (may_publish, may_subscribe):
        assert may(rules, WEB, "orders.created").rule == "everything"
        assert may(rules, WEB, "secrets.told").rule == "quiet"
    assert may_subscribe(rules, WEB, "orders.>").allowed


def test_an_allow_names_its_document() -> None:
    rules = access(web_orders=said("allow", ["web"], to(endpoints=["create"])))
    assert decided(rules) == (True, "web-orders")
    assert decided(rules, "cancel") == (False, "")


def test_a_deny_wins_whatever_the_order_and_however_wide() -> None:
    every = documents(
        exact=said("allow", ["web"], to(endpoints=["create"])),
        everything=said("allow", ["*"], to("*")),
        no_web=said("deny", ["web"], to("*")),
    )
    for order in permutations(every):
        assert decided(compile_access(order)) == (False, "no-web")


def test_of_several_that_decide_the_first_by_name_is_told() -> None:
    rules = access(b=said("allow", ["*"], to()), a=said("allow", ["web"], to("*")))
    assert decided(rules) == (True, "a")


@pytest.mark.parametrize("caller", ["web", "*", "spiffe://mesh.local/t/default/svc/web"])
def test_a_caller_is_named_by_service_by_identity_or_as_anyone(caller: str) -> None:
    assert decided(access(one=said("allow", [caller], to()))) == (True, "one")


def test_an_identity_of_another_trust_domain_is_somebody_else() -> None:
    rules = access(one=said("allow", ["spiffe://other.local/t/default/svc/web"], to()))
    assert decided(rules) == (False, "")


def test_an_audit_document_changes_no_outcome_and_shows_what_it_would_be() -> None:
    allowed = access(
        web_orders=said("allow", ["web"], to()),
        tighter=said("deny", ["web"], to(endpoints=["create"]), mode="audit"),
    )
    assert may_call(allowed, WEB, "orders", "create") == Decision(
        allowed=True, rule="web-orders", audit_allowed=False, audit_rule="tighter"
    )

    denied = access(wider=said("allow", ["web"], to(), mode="audit"))
    assert may_call(denied, WEB, "orders", "create") == Decision(
        allowed=False, rule="", audit_allowed=True, audit_rule="wider"
    )


def test_claims_must_all_be_made_each_with_one_of_its_values() -> None:
    rules = access(one=said("allow", ["web"], to(), when={"team": ["shop", "billing"], "tier": ["1"]}))

    def claiming(**claims: str) -> Caller:
        return Caller(service="web", claims=claims)

    assert decided(rules, caller=claiming(team="billing", tier="1")) == (True, "one")
    assert decided(rules, caller=claiming(team="billing")) == (False, "")
    assert decided(rules, caller=claiming(team="ops", tier="1")) == (False, "")


def test_a_rule_with_paths_speaks_of_http_only() -> None:
    rules = access(one=said("allow", ["web"], to(methods=["GET"], paths=["/items", "/items/*"])))

    assert decided(rules, "http-get", "/items?page=2") == (True, "one")
    assert decided(rules, "http-get", "/items/7/parts") == (True, "one")
    assert decided(rules, "http-get", "/itemsets") == (False, "")
    assert decided(rules, "http-put", "/items") == (False, "")
    assert decided(rules, "http-get") == (False, "")
    assert decided(rules, "quote") == (False, "")


@pytest.mark.parametrize(
    "path",
    [
        "/admin",
        "/%61dmin",
        "/%2561dmin",
        "/admin%253bx",
        "/admin%3Bx",
        "/x/%252e%252e/admin",
        "/x%252f..%252fadmin",
        "/admin;jsessionid=1",
        "/admin/",
        "/admin;x=y/",
        "/admin?x",
        "//admin",
        "/./admin",
        "/x/../admin",
        "/admin%2f",
        "/admin\\",
        "/admin#x",
        "admin",
        "/x/..;/admin",
        "/x%2f..%2fadmin",
        "/admin\0",
        "/admin%00",
    ],
)
def test_no_way_of_writing_a_denied_path_gets_past_the_denial(path: str) -> None:
    rules = access(
        all=said("allow", ["*"], to("*")),
        no_admin=said("deny", ["web"], to(paths=["/admin", "/admin/*"])),
    )
    assert decided(rules, "http-get", path)[0] is False


def test_what_an_allow_names_is_allowed_as_it_stands_only() -> None:
    rules = access(one=said("allow", ["web"], to(paths=["/items"])))
    assert decided(rules, "http-get", "/items") == (True, "one")
    assert decided(rules, "http-get", "/%69tems") == (True, "one")
    assert decided(rules, "http-get", "/items;v=2") == (False, "")
    assert decided(rules, "http-get", "/items/") == (False, "")


def test_publishing_and_subscribing_are_allowed_apart() -> None:
    rules = access(
        pub=said("allow", ["web"], on("orders.*", "publish")), sub=said("allow", ["web"], on("orders.>", "subscribe"))
    )
    assert may_publish(rules, WEB, "orders.created").rule == "pub"
    assert not may_publish(rules, WEB, "orders.created.eu").allowed
    assert may_subscribe(rules, WEB, "orders.created.eu").rule == "sub"
    assert not may_call(rules, WEB, "orders", "created").allowed


def test_a_subscription_is_allowed_if_all_of_it_is_and_denied_if_any_of_it_is() -> None:
    narrow = access(one=said("allow", ["web"], on("orders.created")))
    assert may_subscribe(narrow, WEB, "orders.created").allowed
    assert not may_subscribe(narrow, WEB, "orders.*").allowed
    assert not may_subscribe(narrow, WEB, "orders.>").allowed

    hole = access(all=said("allow", ["web"], on("orders.>")), secret=said("deny", ["*"], on("orders.*.card")))
    assert may_subscribe(hole, WEB, "orders.created").allowed
    for pattern in ("orders.>", "orders.eu.*", "orders.*.card", "orders.eu.>", "orders.*.*"):
        assert may_subscribe(hole, WEB, pattern).rule == "secret", pattern
    assert may_subscribe(hole, WEB, "orders.eu.paid").allowed


def test_many_calls_are_decided_by_what_was_found_once() -> None:
    rules = access(
        all=said("allow", ["*"], to(), when={"team": ["shop"]}),
        no_admin=said("deny", ["web"], to(paths=["/admin"])),
    )
    shop = standing(rules, Caller(service="web", claims={"team": "shop"}), "orders", "http-get")
    assert (shop.plain.allowed, shop.at("/a").allowed, shop.at("/admin").rule, shop.at("//a").allowed) == (
        True,
        True,
        "no-admin",
        False,
    )
    assert not standing(rules, WEB, "orders", "http-get").at("/a").allowed
