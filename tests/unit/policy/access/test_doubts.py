"""Warnings about Access documents: who is unknown, and what is allowed and denied at once."""

from __future__ import annotations

import pytest

from crossply_policy.lint import Living, lint
from crossply_policy.parse import parse
from tests.unit.policy.access.writing import on, said, to
from tests.unit.policy.documents import service

LIVING: Living = {"orders": [{}], "web": [{}]}


def doubts(living: Living | None = None, **specs: dict[str, object]) -> list[tuple[str, str, str]]:
    """Return the code, document and detail of each warning about documents of these names."""
    named = [{"kind": "Access", "name": name, "spec": spec} for name, spec in specs.items()]
    found = lint(map(parse, [*named, service("billing")]), living)
    return [(one.code, one.document, one.detail) for one in found]


def test_access_to_who_neither_runs_nor_has_a_document_is_told() -> None:
    spec = said("allow", ["web"], to("orders"), to("billing"), to("gone"), to("*"), on("away.>", "publish"))
    assert doubts(LIVING, one=spec) == [
        ("CP107", "Access/one", "names the service gone, which neither runs nor has a document")
    ]
    assert doubts(None, one=spec) == []


@pytest.mark.parametrize(
    ("allowed", "denied", "covered"),
    [
        (said("allow", ["web"], to()), said("deny", ["web"], to()), True),
        (said("allow", ["web"], to(endpoints=["a"])), said("deny", ["*"], to("*")), True),
        (said("allow", ["spiffe://d/t/x/svc/web"], to()), said("deny", ["web"], to()), True),
        (said("allow", ["web"], to()), said("deny", ["spiffe://d/t/x/svc/web"], to()), False),
        (said("allow", ["web", "app"], to()), said("deny", ["web"], to()), False),
        (said("allow", ["*"], to()), said("deny", ["web"], to()), False),
        (said("allow", ["web"], to(endpoints=["a", "b"])), said("deny", ["web"], to(endpoints=["a"])), False),
        (said("allow", ["web"], to()), said("deny", ["web"], to(endpoints=["a"])), False),
        (said("allow", ["web"], to()), said("deny", ["web"], to(), mode="audit"), False),
        (said("allow", ["web"], to(), mode="audit"), said("deny", ["web"], to(), mode="audit"), True),
        (said("allow", ["web"], to()), said("deny", ["web"], to(), when={"team": ["shop"]}), False),
        (said("allow", ["web"], to(paths=["/a", "/b/*"])), said("deny", ["web"], to(paths=["/*"])), True),
        (said("allow", ["web"], to(paths=["/a", "/b/*"])), said("deny", ["web"], to(paths=["/a"])), False),
        (said("allow", ["web"], to(methods=["GET"])), said("deny", ["web"], to(paths=["/*"])), False),
        (said("allow", ["web"], to(methods=["GET"])), said("deny", ["web"], to(methods=["GET", "PUT"])), True),
        (said("allow", ["web"], on("orders.*", "publish")), said("deny", ["web"], on("orders.>", "publish")), True),
        (said("allow", ["web"], on("orders.>", "publish")), said("deny", ["web"], on("orders.*", "publish")), False),
        (said("allow", ["web"], on("orders.a", "publish")), said("deny", ["web"], on("orders.a", "subscribe")), False),
    ],
)
def test_an_allow_of_which_a_deny_leaves_nothing_is_told(
    allowed: dict[str, object], denied: dict[str, object], covered: bool
) -> None:
    found = doubts(allowed=allowed, denied=denied)
    assert [(code, document) for code, document, _ in found] == ([("CP108", "Access/allowed")] if covered else [])


def test_the_target_and_the_deny_are_named() -> None:
    spec = said("allow", ["web"], to(endpoints=["create"]), on("orders.>", "publish", "subscribe"), to("stock"))
    every = said("deny", ["*"], to("*"))
    events = said("deny", ["web"], on("orders.>", "publish", "subscribe"))
    assert {detail for _, _, detail in doubts(one=spec, every=every, events=events)} == {
        "what it allows at orders (create) is denied by every, whoever asks",
        "what it allows at orders.> (publish, subscribe) is denied by events, whoever asks",
        "what it allows at stock is denied by every, whoever asks",
    }
