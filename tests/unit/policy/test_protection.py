"""The sections that protect calls: on where they stand, off again where a nearer one says so."""

from __future__ import annotations

import pytest

from crossply_policy.canonical import canonical
from crossply_policy.compile import compile_snapshot
from crossply_policy.parse import parse
from crossply_policy.protection import BreakerPolicy, HedgePolicy, LimitPolicy, OutlierPolicy, WarmupPolicy
from crossply_policy.snapshot import Route
from tests.unit.policy.documents import defaults, faults_of, parsed, service

EMPTY: dict[str, object] = {}
SECTIONS = ["hedge", "breaker", "outlier", "limit"]


def route(*values: object, endpoint: str = "create") -> Route:
    """Return what holds for an endpoint of `orders`."""
    return compile_snapshot(parsed(*values), generation=1, revision=1).route("orders", endpoint)


def test_nothing_protects_a_call_in_an_empty_mesh() -> None:
    empty = route()
    assert not any((empty.hedge.enabled, empty.breaker.enabled, empty.outlier.enabled, empty.limit.enabled))


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_on_where_it_stands_though_it_says_nothing(section: str) -> None:
    assert getattr(route(service(**{section: EMPTY})), section).enabled
    assert getattr(route(defaults(**{section: EMPTY})), section).enabled


@pytest.mark.parametrize("section", SECTIONS)
def test_a_nearer_section_turns_off_what_a_farther_one_turned_on(section: str) -> None:
    documents = service(**{section: EMPTY}, endpoints={"create": {section: {"enabled": False}}})
    assert not getattr(route(documents), section).enabled
    assert getattr(route(documents, endpoint="quote"), section).enabled


def test_a_nearer_section_turns_on_again_and_keeps_the_values_it_does_not_say() -> None:
    found = route(
        defaults(breaker={"enabled": False, "success": 0.5, "pause": "1s"}), service(breaker={"success": 0.9})
    )
    assert found.breaker == BreakerPolicy(enabled=True, success=0.9, pause=1.0)


def test_the_values_built_in_are_those_of_the_page() -> None:
    assert BreakerPolicy() == BreakerPolicy(success=0.8, window=10.0, calls=20, pause=5.0)
    assert OutlierPolicy() == OutlierPolicy(failures=5, base=5.0, share=0.5)
    assert LimitPolicy() == LimitPolicy(in_flight=1024, queue=1024)
    assert WarmupPolicy() == WarmupPolicy(duration=10.0, floor=0.1)
    assert HedgePolicy() == HedgePolicy(after="p95")


@pytest.mark.parametrize("section", SECTIONS)
def test_an_empty_section_and_one_that_says_it_is_on_are_the_same_bytes(section: str) -> None:
    short, long = service(**{section: EMPTY}), service(**{section: {"enabled": True}})
    assert canonical(parse(short)) == canonical(parse(long))


@pytest.mark.parametrize(("said", "held"), [("p95", "p95"), ("30ms", 0.03), (0.5, 0.5)])
def test_a_hedge_comes_after_a_percentile_or_a_duration(said: object, held: object) -> None:
    assert route(service(hedge={"after": said})).hedge.after == held


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        ("p99", "must be p95 or a duration such as 30ms, not the text 'p99'"),
        ("30", "must be a duration such as 250ms, 5s, 1m or 1h, not the text '30'"),
        (True, "must be a number of seconds, not true"),
    ],
)
def test_another_delay_is_refused(said: object, fault: str) -> None:
    assert faults_of(service(hedge={"after": said})) == {"spec.hedge.after": fault}


def test_values_out_of_bounds_are_refused_each_with_its_path() -> None:
    found = faults_of(
        service(
            breaker={"success": 1.5, "window": "10ms", "calls": 0},
            outlier={"failures": 0, "share": 2},
            limit={"in_flight": 0, "queue": -1},
            warmup={"floor": 0},
            balance={"panic": 2, "zone": "mine"},
        )
    )
    assert sorted(found) == [
        "spec.balance.panic",
        "spec.balance.zone",
        "spec.breaker.calls",
        "spec.breaker.success",
        "spec.breaker.window",
        "spec.limit.in_flight",
        "spec.limit.queue",
        "spec.outlier.failures",
        "spec.outlier.share",
        "spec.warmup.floor",
    ]


def test_warm_up_is_not_turned_on_or_off() -> None:
    assert list(faults_of(service(warmup={"enabled": False}))) == ["spec.warmup.enabled"]
