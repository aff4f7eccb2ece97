"""Access documents among the others: in the snapshot, and whom each concerns."""

from __future__ import annotations

import pytest

from crossply_policy.access.decision import Caller, may_call
from crossply_policy.compile import compile_snapshot
from crossply_policy.parse import parse
from crossply_registry.revisions.contents import concerns
from tests.unit.policy.access.writing import on, said, to


def document(spec: dict[str, object]) -> dict[str, object]:
    return {"kind": "Access", "name": "one", "spec": spec}


def test_a_snapshot_has_the_rules_of_its_documents() -> None:
    snapshot = compile_snapshot([parse(document(said("allow", ["web"], to())))], generation=1, revision=1)
    assert may_call(snapshot.access, Caller(service="web"), "orders", "create").rule == "one"
    assert snapshot.guarded


def test_a_snapshot_without_rules_says_whether_there_are_some_elsewhere() -> None:
    assert not compile_snapshot([], generation=1, revision=1).guarded
    assert compile_snapshot([], generation=1, revision=1, guarded=True).guarded


@pytest.mark.parametrize(
    ("callers", "targets", "whom"),
    [
        (["web"], [to("stock"), to("orders")], ("orders", "stock", "web")),
        (["web"], [to("orders", endpoints=["create"]), to("orders", methods=["GET"])], ("orders", "web")),
        (["spiffe://mesh.local/t/default/svc/web", "foreign"], [to("orders")], ("orders", "web")),
        (["*"], [to("orders")], ("*",)),
        (["web"], [to("*")], ("*",)),
        (["web"], [to("orders"), on("orders.>", "publish")], ("*",)),
    ],
)
def test_a_document_concerns_callees_and_callers_and_all_where_it_speaks_of_all_or_of_channels(
    callers: list[str], targets: list[dict[str, object]], whom: tuple[str, ...]
) -> None:
    assert concerns(parse(document(said("allow", callers, *targets)))) == whom
