"""Rate limits as documents: what may be said, what holds, and which limits concern whom."""

from __future__ import annotations

from typing import Any

import pytest

from crossply_policy.compile import compile_snapshot
from crossply_policy.explain import Effective, explain
from crossply_policy.rate_limit import RateLimitPolicy, RateLimits, Target, matches
from crossply_policy.schema import schemas
from crossply_registry.revisions.contents import concerns
from tests.unit.policy.documents import faults_of, parsed


def rate_limit(name: str = "quota", /, **spec: Any) -> dict[str, Any]:
    return {"kind": "RateLimit", "name": name, "spec": spec}


def limits(*documents: dict[str, Any]) -> RateLimits:
    return compile_snapshot(parsed(*documents), generation=1, revision=1).rate_limits


def named(found: tuple[RateLimitPolicy, ...]) -> list[str]:
    return [each.name for each in found]


def test_what_is_not_said_is_for_all_at_the_callee_with_a_burst_of_one_second() -> None:
    [found] = limits(rate_limit("quota", **{"for": {"service": "orders"}}, rate=20)).calls("orders", "create", "callee")
    assert found == RateLimitPolicy(
        name="quota",
        target=Target(service="orders"),
        rate=20.0,
        burst=20.0,
        per="all",
        scope="instance",
        at="callee",
    )


def test_a_slow_rate_lets_one_through_at_once_all_the_same() -> None:
    [found] = limits(rate_limit("quota", **{"for": {"service": "orders"}}, rate=0.1)).calls(
        "orders", "create", "callee"
    )
    assert found.burst == 1.0


def test_a_limit_of_a_service_holds_for_each_endpoint_and_one_of_an_endpoint_for_that() -> None:
    found = limits(
        rate_limit("whole", **{"for": {"service": "orders"}}, rate=1),
        rate_limit("create", **{"for": {"service": "orders", "endpoint": "create"}}, rate=1),
        rate_limit("own", **{"for": {"service": "orders"}}, rate=1, at="caller"),
        rate_limit("other", **{"for": {"service": "billing"}}, rate=1),
    )
    assert named(found.calls("orders", "create", "callee")) == ["create", "whole"]
    assert named(found.calls("orders", "quote", "callee")) == ["whole"]
    assert named(found.calls("orders", "quote", "caller")) == ["own"]
    assert named(tuple(found.every())) == ["create", "own", "whole", "other"]


def test_a_limit_of_channels_holds_where_they_are_published() -> None:
    found = limits(
        rate_limit("all-orders", **{"for": {"channel": "orders.>"}}, rate=1),
        rate_limit("created", **{"for": {"channel": "orders.created"}}, rate=1),
    )
    assert named(found.events("orders.created")) == ["all-orders", "created"]
    assert named(found.events("orders.paid")) == ["all-orders"]
    assert not found.events("billing.created")
    assert not found.calls("orders", "created", "callee")
    assert all(each.at == "caller" for each in found.every())


@pytest.mark.parametrize(
    ("pattern", "channel", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.c", False),
        ("a.b", "a.b.c", False),
        ("a.*", "a.b", True),
        ("a.*", "a.b.c", False),
        ("a.*.c", "a.b.c", True),
        ("a.>", "a.b", True),
        ("a.>", "a.b.c.d", True),
        ("a.b.>", "a.b", False),
        ("a.b.>", "a.c.d", False),
        ("a.*.>", "a.b.c", True),
    ],
)
def test_a_pattern_names_the_channels_that_it_would_deliver(pattern: str, channel: str, expected: bool) -> None:
    assert matches(pattern, channel) is expected


@pytest.mark.parametrize(
    ("spec", "faults"),
    [
        ({}, {"spec.for": "is missing", "spec.rate": "is missing"}),
        ({"for": {}, "rate": 1}, {"spec.for": "must name a service or a channel, one of them"}),
        (
            {"for": {"service": "a", "channel": "a.b"}, "rate": 1},
            {"spec.for": "must name a service or a channel, one of them"},
        ),
        (
            {"for": {"channel": "a.b", "endpoint": "c"}, "rate": 1},
            {"spec.for.endpoint": "belongs to a service; name that as well, or leave the endpoint out"},
        ),
        (
            {"for": {"channel": "a.b"}, "rate": 1, "at": "callee"},
            {"spec.at": "is said of calls only; events are always limited where they are published"},
        ),
        ({"for": {"service": "a"}, "rate": 0}, {"spec.rate": "must be at least 0.001, not 0"}),
        (
            {"for": {"service": "a"}, "rate": 1, "per": "ip"},
            {"spec.per": "must be all, caller, tenant or key, not the text 'ip'"},
        ),
        (
            {"for": {"service": 7}, "rate": 1},
            {"spec.for.service": "must be text, not 7; write it in quotes"},
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(spec: dict[str, Any], faults: dict[str, str]) -> None:
    found = faults_of(rate_limit(**spec))
    assert found == faults


def test_a_name_that_is_none_is_refused_where_it_stands() -> None:
    found = faults_of(rate_limit("Quota", **{"for": {"service": "Orders"}}, rate=1))
    assert found["name"].startswith("document name 'Quota' is refused")
    assert found["spec.for.service"].startswith("service name 'Orders' is refused")


def test_a_limit_of_calls_concerns_its_service_and_one_of_events_all() -> None:
    calls, events = parsed(
        rate_limit("quota", **{"for": {"service": "orders"}}, rate=1),
        rate_limit("other", **{"for": {"channel": "orders.>"}}, rate=1),
    )
    assert (concerns(calls), concerns(events)) == (("orders",), ("*",))


def test_explain_shows_each_limit_of_an_endpoint_with_its_document() -> None:
    documents = parsed(
        rate_limit("web", **{"for": {"service": "orders", "endpoint": "create"}}, rate=5, per="caller"),
        rate_limit("other", **{"for": {"service": "orders", "endpoint": "quote"}}, rate=5),
    )
    found = [each for each in explain(documents, "orders", "create") if each.path.startswith("rate_limits.")]
    assert found == [
        Effective(path="rate_limits.web.rate", value=5.0, source="RateLimit/web"),
        Effective(path="rate_limits.web.burst", value=5.0, source="built-in"),
        Effective(path="rate_limits.web.per", value="caller", source="RateLimit/web"),
        Effective(path="rate_limits.web.scope", value="instance", source="built-in"),
        Effective(path="rate_limits.web.at", value="callee", source="built-in"),
    ]


def test_the_schema_says_what_must_be_there() -> None:
    assert schemas()["RateLimit"]["properties"]["spec"]["required"] == ["for", "rate"]
