"""What a connection may reach at all: never less than the callee allows, and nothing that no document names."""

from __future__ import annotations

from crossply_policy.access.decision import Caller
from crossply_policy.access.reach import Reach, reach
from tests.unit.policy.access.writing import access, on, said, to

SPIFFE = "spiffe://mesh.local/t/default/svc/"
WEB = Caller(service="web", identity=f"{SPIFFE}web")
ORDERS = Caller(service="orders", identity=f"{SPIFFE}orders")


def test_without_a_document_nobody_reaches_anybody() -> None:
    assert reach(access(), WEB, ["orders.created"]) == Reach()


def test_an_allow_lets_the_caller_call_and_the_callee_reply_and_nobody_else() -> None:
    rules = access(web_orders=said("allow", ["web"], to("orders", endpoints=["quote"])))
    assert reach(rules, WEB) == Reach(callees=frozenset({"orders"}))
    assert reach(rules, ORDERS) == Reach(callers=frozenset({"web"}))
    assert reach(rules, Caller(service="stock")) == Reach()


def test_conditions_on_paths_and_claims_are_the_callees_to_decide() -> None:
    rules = access(
        gets=said("allow", ["web"], to("orders", methods=["GET"], paths=["/a"]), when={"team": ["shop"]}),
        no_puts=said("deny", ["web"], to("orders", methods=["PUT"])),
        no_claim=said("deny", ["web"], to("orders"), when={"team": ["other"]}),
    )
    assert reach(rules, WEB).callees == {"orders"}


def test_a_deny_of_all_of_a_service_closes_it_for_whom_it_names() -> None:
    rules = access(
        all=said("allow", ["web", "stock"], to("orders")),
        not_web=said("deny", [f"{SPIFFE}web"], to("orders")),
        not_stock=said("deny", ["stock"], to("*")),
    )
    assert reach(rules, WEB).callees == frozenset()
    assert reach(rules, Caller(service="stock")).callees == frozenset()
    # By its service name alone web is still allowed: the right to reply is by name.
    assert reach(rules, ORDERS).callers == {"web"}


def test_everyone_is_one_name_whatever_else_is_allowed() -> None:
    rules = access(all=said("allow", ["*"], to("*")), web=said("allow", ["web"], to("orders")))
    assert reach(rules, WEB) == Reach(callees=frozenset({"*"}), callers=frozenset({"*"}))


def test_a_caller_that_is_named_by_its_identity_is_replied_to_by_its_name() -> None:
    rules = access(
        web=said("allow", [f"{SPIFFE}web"], to("orders")),
        another=said("allow", ["spiffe://other.mesh/t/default/svc/web2"], to("orders")),
    )
    assert reach(rules, WEB).callees == {"orders"}
    assert reach(rules, ORDERS).callers == {"web"}


def test_foreign_callers_are_replied_to_wherever_they_ask_and_only_they_are_what_foreign_names() -> None:
    rules = access(foreign=said("allow", ["foreign"], to("orders")))
    assert reach(rules, ORDERS).callers == {"*"}
    assert reach(rules, WEB).callees == frozenset()
    assert reach(rules, Caller(service="reports"), foreign=True).callees == {"orders"}


def test_a_document_in_audit_mode_neither_opens_nor_closes() -> None:
    rules = access(
        opens=said("allow", ["web"], to("stock"), mode="audit"),
        web=said("allow", ["web"], to("orders")),
        closes=said("deny", ["web"], to("orders"), mode="audit"),
    )
    assert reach(rules, WEB).callees == {"orders"}
    assert reach(rules, ORDERS).callers == {"web"}


def test_channels_are_those_allowed_less_those_that_are_denied_altogether() -> None:
    rules = access(
        web=said("allow", ["web"], on("orders.>"), on("stock.low", "publish")),
        no_secrets=said("deny", ["web"], on("stock.*", "publish")),
    )
    found = reach(rules, WEB, ["orders.created", "orders.eu.*", "stock.low"])
    assert found.publishes == {"orders.>"}
    assert found.hears == {"orders.>"}
    assert found.takes == {"orders.created", "orders.eu.*"}
