"""Which subjects a broker is told to allow: those a connection uses, with its own names in them, and no others."""

from __future__ import annotations

import pytest

from crossply.wire.allow_list import AllowList, of_authority, of_foreign, of_instance, of_registry
from crossply_policy.access.reach import Reach

OWN = "abcdefgh2345"


def matches(pattern: str, subject: str) -> bool:
    """Return whether a subject is one of those that a pattern names, as a broker reads it."""
    said, asked = pattern.split("."), subject.split(".")
    if said[-1] == ">" and len(asked) >= len(said):
        said, asked = said[:-1], asked[: len(said) - 1]
    return len(said) == len(asked) and all(one in {"*", other} for one, other in zip(said, asked, strict=True))


def may_publish(allowed: AllowList, subject: str) -> bool:
    return any(matches(each, subject) for each in allowed.publish)


def may_subscribe(allowed: AllowList, subject: str, group: str = "") -> bool:
    entries = [each.partition(" ") for each in allowed.subscribe]
    return any(matches(each, subject) and queue in {"", group} for each, _, queue in entries)


def web(**reached: set[str]) -> AllowList:
    named = {name: frozenset(each) for name, each in reached.items()}
    return of_instance(Reach(**named), "web", OWN, "default")


def test_who_reaches_nobody_speaks_for_itself_follows_policy_and_renews() -> None:
    alone = web()
    for subject in (
        f"mesh.hb.web.{OWN}",
        f"mesh.obs.web.{OWN}",
        f"mesh.audit.web.{OWN}",
        f"mesh.ctl.shares.web.{OWN}",
        "mesh.rpc.authority.any.renew",
        "mesh.hb.authority.who",
        "_INBOX.registry.otherinstanc.1",
        "$JS.API.DIRECT.GET.KV_MESH_default.$KV.MESH_default.head",
    ):
        assert may_publish(alone, subject), subject
    assert may_subscribe(alone, f"_INBOX.web.{OWN}.*")
    assert may_subscribe(alone, "mesh.ctl.head", f"i-{OWN}")
    assert may_subscribe(alone, f"$SRV.PING.web.{OWN}", f"i-{OWN}")


@pytest.mark.parametrize(
    "subject",
    [
        "mesh.rpc.orders.any.quote",
        "mesh.rpc.web.any.page",
        "mesh.hb.orders.abcdefgh2345",
        "mesh.hb.web.otherinstanc",
        "mesh.ctl.head",
        "mesh.evt.orders.created",
        "_INBOX.orders.abcdefgh2345.1",
        "$KV.MESH_default.head",
        "$KV.MESH_default.authority.issuer",
        "$JS.API.STREAM.CREATE.anything",
        "$KV.MESH_default_replies_orders.0a",
        "$JS.API.STREAM.MSG.GET.KV_MESH_default_replies_orders",
        "$JS.API.STREAM.PURGE.KV_MESH_default",
        "$JS.API.CONSUMER.MSG.NEXT.MESH_EVT_orders.stock_orders_created",
        "$SYS.REQ.USER.AUTH",
        "$SRV.PING",
    ],
)
def test_who_reaches_nobody_may_not_say_anything_else(subject: str) -> None:
    assert not may_publish(web(), subject)


@pytest.mark.parametrize(
    ("subject", "group"),
    [
        (">", ""),
        ("mesh.>", ""),
        ("mesh.rpc.orders.any.quote", "orders"),
        ("mesh.rpc.web.any.page", ""),
        ("mesh.rpc.web.any.page", "another"),
        ("mesh.rpc.web.i-otherinstanc.page", "i-otherinstanc"),
        ("_INBOX.>", ""),
        ("_INBOX.web.otherinstanc.*", ""),
        ("mesh.hb.>", f"i-{OWN}"),
        ("mesh.evt.orders.created", ""),
        ("$SYS.>", ""),
    ],
)
def test_nobody_hears_what_is_for_others_or_outside_its_own_group(subject: str, group: str) -> None:
    assert not may_subscribe(web(callees={"orders"}, callers={"stock"}, takes={"orders.created"}), subject, group)


def test_a_caller_calls_and_watches_its_callees_and_a_callee_replies_to_its_callers() -> None:
    found = web(callees={"orders"}, callers={"stock"})
    assert may_publish(found, "mesh.rpc.orders.any.quote")
    assert may_publish(found, "mesh.rpc.orders.i-otherinstanc.quote")
    assert may_publish(found, "mesh.hb.orders.who")
    assert may_subscribe(found, "mesh.hb.orders.*", f"i-{OWN}")
    assert may_publish(found, "_INBOX.stock.otherinstanc.1f")
    assert not may_publish(found, "_INBOX.orders.otherinstanc.1f")


def test_who_takes_the_events_of_a_pattern_pulls_from_its_own_consumer_and_acknowledges_there() -> None:
    found = web(takes={"orders.*"}, publishes={"orders.>"})
    assert may_publish(found, "$JS.API.CONSUMER.MSG.NEXT.MESH_EVT_orders.web_orders_ANY")
    assert may_publish(found, "$JS.ACK.MESH_EVT_orders.web_orders_ANY.1.2.3.4.5")
    assert may_publish(found, "$JS.ACK._.hash.MESH_EVT_orders.web_orders_ANY.1.2.3.4.5.x")
    assert not may_publish(found, "$JS.API.CONSUMER.MSG.NEXT.MESH_EVT_orders.stock_orders_ANY")
    assert may_publish(found, "mesh.evt.orders.created")


def test_a_client_without_the_sdk_calls_and_hears_what_it_may_at_an_inbox_of_its_name() -> None:
    reached = Reach(callees=frozenset({"orders"}), hears=frozenset({"stock.>"}))
    found = of_foreign(reached, "reports")
    assert may_publish(found, "mesh.rpc.orders.any.quote")
    assert may_publish(found, "$SRV.PING.orders")
    assert may_subscribe(found, "_INBOX.reports.x.1")
    assert may_subscribe(found, "mesh.evt.stock.low")
    assert not may_publish(found, "$SRV.PING")
    assert not may_publish(found, "mesh.rpc.orders.i-otherinstanc.quote")
    assert not may_subscribe(found, "mesh.rpc.orders.any.quote")


def test_registry_and_authority_have_lists_of_their_own_and_no_right_to_everything() -> None:
    registry, authority = of_registry("default"), of_authority("default")
    assert may_publish(registry, "$KV.MESH_default.head")
    assert may_publish(registry, "$KV.MESH_default.docs.Access.web-orders.0a")
    assert not may_publish(registry, "$KV.MESH_default.authority.issuer")
    assert may_publish(authority, "$KV.MESH_default.authority.issuer")
    assert not may_publish(authority, "$KV.MESH_default.head")
    assert may_subscribe(registry, "mesh.hb.>")
    assert may_subscribe(authority, f"mesh.rpc.authority.i-{OWN}.renew", f"i-{OWN}")
    for each in (registry, authority):
        assert not may_publish(each, "mesh.rpc.orders.any.quote")
        assert not may_publish(each, "mesh.evt.orders.created")
        assert not may_subscribe(each, ">")


def test_the_digest_tells_lists_apart_and_says_nothing_of_the_order_they_were_made_in() -> None:
    one, same = web(callees={"orders", "stock"}), web(callees={"stock", "orders"})
    assert one == same
    assert one.digest == same.digest
    assert one.digest != web(callees={"orders"}).digest
    assert AllowList(("a",), ("b",)).digest != AllowList(("b",), ("a",)).digest


def test_a_list_exceeds_another_where_it_names_more() -> None:
    wide, narrow = web(callees={"orders", "stock"}), web(callees={"orders"})
    assert wide.exceeds(narrow)
    assert not narrow.exceeds(wide)
