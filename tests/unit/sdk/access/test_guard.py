"""What a process has to check, by the documents in force and by who it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from crossply.access.guard import Guard
from crossply.audit.audit import Audit
from crossply.audit.entry import Action, Outcome
from crossply.errors import Executed, PermissionDenied, Unwelcome
from crossply.handler import FOREIGN, HttpHead, Peer, Request
from crossply_policy.compile import compile_snapshot
from crossply_policy.snapshot import Snapshot
from tests.unit.policy.access.writing import documents, on, said, to
from tests.unit.sdk.stage import request

WEB = Peer("web", "a" * 12, "spiffe://mesh.local/t/default/svc/web")
NOBODY = Snapshot()


class Always:
    """A chance that has every allowed one told of, or none."""

    def __init__(self, value: float) -> None:
        self.value = value

    def random(self) -> float:
        return self.value

    def getrandbits(self, k: int, /) -> int:
        return k


def guard(
    service: str = "orders",
    *,
    member: bool = True,
    audit: Audit | None = None,
    claims: Mapping[str, str] | None = None,
    chance: float = 1.0,
) -> Guard:
    own = Peer(service, "b" * 12, f"spiffe://mesh.local/t/default/svc/{service}")
    return Guard(own, audit or Audit(), Always(chance), lambda: 10**9, member=member, claims=lambda: claims or {})


def snapshot(**specs: dict[str, object]) -> Snapshot:
    return compile_snapshot(documents(**specs), generation=1, revision=7)


def calling(peer: Peer | None = WEB, path: str | None = None, **fields: Any) -> Request:
    return request(peer=peer, http=None if path is None else HttpHead(path, []), **fields)


def refusal(check: Any, made: Request) -> PermissionDenied:
    with pytest.raises(PermissionDenied) as caught:
        check(made)
    return caught.value


def test_a_member_denies_by_default_and_a_stranger_checks_nothing_until_something_is_said() -> None:
    check = guard().served(NOBODY, "create")
    error = refusal(check, calling())
    assert (error.rule, error.executed, error.code) == ("default", Executed.NO, "permission_denied")
    assert "orders.create: web may not call it: no Access document allows it" in error.message

    stranger = guard(member=False)
    assert stranger.served(NOBODY, "create") is None
    assert stranger.called(NOBODY, "stock", "level") is None
    assert stranger.published(NOBODY, "orders.created") is None
    assert stranger.delivered(NOBODY, "orders.>") is None
    elsewhere = compile_snapshot([], generation=1, revision=1, guarded=True)
    assert refusal(stranger.served(elsewhere, "create"), calling()).rule == "default"


def test_the_rule_that_denies_is_named() -> None:
    rules = snapshot(all=said("allow", ["*"], to()), no_web=said("deny", ["web"], to(endpoints=["create"])))
    error = refusal(guard().served(rules, "create"), calling())
    assert (error.rule, error.message) == ("no-web", "orders.create: web may not call it: Access/no-web denies it")
    check = guard().served(rules, "quote")
    assert check is not None
    check(calling())


def test_each_peer_is_decided_for_itself_and_again_from_memory() -> None:
    rules = snapshot(web=said("allow", ["web"], to()), foreign=said("allow", ["foreign"], to(endpoints=["quote"])))
    check = guard().served(rules, "create")
    assert check is not None
    for _ in range(3):
        check(calling())
        assert refusal(check, calling(FOREIGN)).rule == "default"
        assert refusal(check, calling(Peer("mailer"))).rule == "default"
        assert refusal(check, calling(None)).rule == "default"


def test_an_identity_is_not_the_name_it_looks_like() -> None:
    rules = snapshot(one=said("allow", ["spiffe://mesh.local/t/default/svc/web"], to()))
    check = guard().served(rules, "create")
    assert check is not None
    check(calling())
    assert refusal(check, calling(Peer("web", "a" * 12, "spiffe://other/t/default/svc/web"))).rule == "default"


def test_more_peers_than_are_remembered_are_decided_all_the_same() -> None:
    check = guard().served(snapshot(one=said("allow", ["web"], to())), "create")
    assert check is not None
    for number in range(10_000):
        peer = Peer("web" if number % 2 else "app", f"i{number}")
        if number % 2:
            check(calling(peer))
        else:
            refusal(check, calling(peer))
    held = check.__self__  # type: ignore[attr-defined]  # a bound method
    assert len(held._found) <= 4096
    assert len(held._passing) <= 4096


def test_claims_of_the_credential_decide() -> None:
    check = guard().served(snapshot(one=said("allow", ["web"], to(), when={"team": ["shop"]})), "create")
    assert check is not None
    check(calling(Peer("web", "c" * 12, WEB.identity, {"team": "shop"})))
    assert refusal(check, calling(Peer("web", "c" * 12, WEB.identity, {"team": "ops"}))).rule == "default"


def test_the_path_of_each_http_call_is_looked_at() -> None:
    rules = snapshot(
        reads=said("allow", ["web"], to(methods=["GET"], paths=["/items", "/items/*"])),
        secret=said("deny", ["*"], to(paths=["/items/secret/*"])),
    )
    check = guard().served(rules, "http-get")
    assert check is not None
    check(calling(path="/items/7?all=1", operation="orders.http-get"))
    assert refusal(check, calling(path="/items/secret/7")).rule == "secret"
    assert refusal(check, calling(path="/other")).rule == "default"
    assert refusal(check, calling(path="/items/../other")).rule == "default"
    assert refusal(guard().served(rules, "http-put"), calling(path="/items")).rule == "default"


def test_a_path_in_no_normal_form_is_denied_to_who_may_call_without_one() -> None:
    check = guard().served(snapshot(all=said("allow", ["*"], to("*"))), "http-get")
    assert check is not None
    check(calling())
    check(calling(path="/a"))
    assert refusal(check, calling(path="/a//b")).rule == "default"


def test_a_caller_checks_only_what_its_own_copy_denies() -> None:
    rules = snapshot(
        orders=said("allow", ["web"], to(), to("stock", paths=["/items"])),
        late=said("deny", ["web"], to(endpoints=["refund"])),
    )
    web = guard("web")
    assert web.called(rules, "orders", "create") is None
    assert refusal(web.called(rules, "orders", "refund"), request("orders.refund")).rule == "late"
    assert refusal(web.called(rules, "billing", "charge"), request("billing.charge")).rule == "default"
    by_path = web.called(rules, "stock", "http-get")
    assert by_path is not None
    by_path(request("stock.http-get", http=HttpHead("/items", [])))
    assert refusal(by_path, request("stock.http-get", http=HttpHead("/other", []))).rule == "default"


def test_a_caller_goes_by_its_own_claims() -> None:
    rules = snapshot(one=said("allow", ["web"], to(), when={"team": ["shop"]}))
    assert guard("web", claims={"team": "shop"}).called(rules, "orders", "create") is None
    assert guard("web").called(rules, "orders", "create") is not None


@pytest.mark.parametrize("endpoint", ["renew", "keys"])
def test_no_document_is_between_a_process_and_its_identity_and_its_keys(endpoint: str) -> None:
    rules = snapshot(none=said("deny", ["*"], to("*")))
    assert guard("web").called(rules, "authority", endpoint) is None
    assert guard("authority", member=False).served(rules, endpoint) is None
    assert guard("authority", member=False).served(rules, "other") is not None


def test_a_publisher_is_refused_where_it_publishes() -> None:
    rules = snapshot(one=said("allow", ["orders"], on("orders.*", "publish")))
    assert guard().published(rules, "orders.created") is None
    error = refusal(guard().published(rules, "billing.paid"), request("billing.paid"))
    assert (error.rule, error.executed) == ("default", Executed.NO)
    assert error.message.startswith("billing.paid: orders may not publish there")


def test_an_event_is_judged_by_its_publisher_and_by_who_gets_it() -> None:
    rules = snapshot(
        one=said("allow", ["orders"], on("orders.*", "publish")),
        two=said("allow", ["mailer"], on("orders.>", "subscribe")),
        three=said("deny", ["mailer"], on("orders.secret", "subscribe")),
    )
    check = guard("mailer").delivered(rules, "orders.created")
    assert check is not None
    orders = Peer("orders", "d" * 12, "spiffe://mesh.local/t/default/svc/orders")
    for _ in range(2):
        check(request("orders.created", peer=orders))
        for unwelcome in (
            refusal(check, request("orders.created", peer=WEB)),
            refusal(check, request("orders.eu.created", peer=orders)),
        ):
            assert (unwelcome.rule, isinstance(unwelcome, Unwelcome)) == ("default", True)

    wide = refusal(guard("mailer").delivered(rules, "orders.*"), request("orders.created", peer=orders))
    assert (wide.rule, isinstance(wide, Unwelcome)) == ("three", False)
    assert wide.message == "orders.created: mailer may not have its events: Access/three denies it"


def outcomes(audit: Audit) -> list[tuple[Outcome, str]]:
    return [(each.outcome, each.rule) for each in audit.take(100)]


def test_all_denials_are_told_and_a_share_of_what_is_allowed() -> None:
    audit = Audit()
    rules = snapshot(one=said("allow", ["web"], to()))
    check = guard(audit=audit).served(rules, "create")
    sampling = guard(audit=audit, chance=0.0).served(rules, "create")
    assert check is not None
    assert sampling is not None
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    check(calling())
    check(calling())
    refusal(check, calling(FOREIGN, traceparent=trace))
    sampling(calling())
    sampling(calling())
    denied, allowed, again = audit.take(10)
    assert (denied.outcome, denied.caller, denied.rule, denied.trace_id) == (
        Outcome.DENIED,
        "foreign",
        "default",
        "0af7651916cd43dd8448eb211c80319c",
    )
    assert allowed == again
    assert (allowed.at, allowed.action, allowed.instance, allowed.identity, allowed.operation) == (
        1.0,
        Action.CALL,
        WEB.instance,
        WEB.identity,
        "orders.create",
    )
    assert (allowed.outcome, allowed.rule, allowed.generation, allowed.revision) == (Outcome.ALLOWED, "one", 1, 7)


def test_audit_mode_changes_no_outcome_and_tells_each_time_what_it_would_change() -> None:
    audit = Audit()
    allowed = snapshot(one=said("allow", ["web"], to()), tighter=said("deny", ["web"], to(), mode="audit"))
    check = guard(audit=audit).served(allowed, "create")
    assert check is not None
    check(calling())
    check(calling())
    assert outcomes(audit) == [(Outcome.WOULD_DENY, "tighter")] * 2

    denied = snapshot(wider=said("allow", ["web"], to(), mode="audit"))
    refusal(guard(audit=audit).served(denied, "create"), calling())
    assert outcomes(audit) == [(Outcome.DENIED, "default"), (Outcome.WOULD_ALLOW, "wider")]


def test_audit_mode_is_told_of_events_too() -> None:
    audit = Audit()
    rules = snapshot(
        one=said("allow", ["*"], on("orders.>")), tighter=said("deny", ["orders"], on("orders.>"), mode="audit")
    )
    own = guard(audit=audit)
    publishing, delivery = own.published(rules, "orders.created"), own.delivered(rules, "orders.created")
    assert publishing is not None
    assert delivery is not None
    publishing(request("orders.created"))
    assert outcomes(audit) == [(Outcome.WOULD_DENY, "tighter")]
    delivery(request("orders.created", peer=WEB))
    assert [(each.action, each.outcome) for each in audit.take(9)] == [(Action.SUBSCRIBE, Outcome.WOULD_DENY)]


def test_what_a_caller_refuses_itself_is_told_by_itself() -> None:
    audit = Audit()
    check = guard("web", audit=audit).called(NOBODY, "orders", "create")
    refusal(check, request())
    [entry] = audit.take(9)
    assert (entry.outcome, entry.caller, entry.operation) == (Outcome.DENIED, "web", "orders.create")
