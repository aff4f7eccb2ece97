"""State by service and policy: it outlives snapshots, unless its own policy changed."""

from __future__ import annotations

import weakref
from types import MappingProxyType

from structlog.testing import capture_logs

from crossply.routing.held import Held
from crossply.testing import JumpingClock
from crossply_policy.compile import compile_snapshot
from crossply_policy.documents import BudgetPolicy, RetryPolicy
from crossply_policy.parse import parse
from crossply_policy.protection import BreakerPolicy, LimitPolicy, OutlierPolicy
from crossply_policy.snapshot import Route, Snapshot
from tests.unit.sdk.stage import callee, instance, request

BREAKER = BreakerPolicy(enabled=True)
OUTLIER = OutlierPolicy(enabled=True)
LIMIT = LimitPolicy(enabled=True)


def snapshot(**services: Route) -> Snapshot:
    return Snapshot(services=MappingProxyType(services))


def test_state_outlives_a_snapshot() -> None:
    held = Held(JumpingClock())
    known = callee(instance("a", "create"))
    before = (
        held.budget("orders", BudgetPolicy()),
        held.breakers("orders", BREAKER).of(None),
        held.slots("orders", LIMIT).of(None),
        held.outliers(known, OUTLIER),
        held.latencies("orders", "create"),
    )
    held.keep(snapshot(orders=Route(breaker=BREAKER, limit=LIMIT, outlier=OUTLIER, idempotent=True)))
    assert before == (
        held.budget("orders", BudgetPolicy()),
        held.breakers("orders", BREAKER).of(None),
        held.slots("orders", LIMIT).of(None),
        held.outliers(known, OUTLIER),
        held.latencies("orders", "create"),
    )


def test_a_policy_that_changed_begins_anew_and_the_others_go_on() -> None:
    held = Held(JumpingClock())
    breakers, slots = held.breakers("orders", BREAKER), held.slots("orders", LIMIT)
    held.keep(snapshot(orders=Route(breaker=BreakerPolicy(enabled=True, calls=50), limit=LIMIT)))
    assert held.slots("orders", LIMIT) is slots
    assert held.breakers("orders", BREAKER) is not breakers


def test_a_policy_that_one_endpoint_alone_follows_is_kept() -> None:
    held = Held(JumpingClock())
    breakers = held.breakers("orders", BREAKER)
    held.keep(Snapshot(endpoints=MappingProxyType({("orders", "create"): Route(breaker=BREAKER)})))
    assert held.breakers("orders", BREAKER) is breakers


def test_a_budget_is_kept_though_nothing_is_tried_again_for_a_while() -> None:
    held = Held(JumpingClock())
    budget = held.budget("orders", BudgetPolicy())
    held.keep(snapshot(orders=Route(retry=RetryPolicy(attempts=0))))
    assert held.budget("orders", BudgetPolicy()) is budget
    held.keep(snapshot(orders=Route(retry=RetryPolicy(budget=BudgetPolicy(ratio=0.5)))))
    assert held.budget("orders", BudgetPolicy()) is not budget


def test_outliers_go_by_the_instances_that_are_known_now() -> None:
    held = Held(JumpingClock())
    known = callee(instance("a", "create"), instance("b", "create"))
    assert held.outliers(callee(), OUTLIER) is held.outliers(known, OUTLIER)
    outliers = held.outliers(known, OUTLIER)
    for _ in range(5):
        outliers.failed(request(instance="a"))
    assert outliers.ejected("a")


def test_services_and_subsets_do_not_share_state() -> None:
    held = Held(JumpingClock())
    canary = held.breakers("orders", BREAKER).of("canary")
    assert held.breakers("orders", BREAKER).of(None) is not canary
    assert held.breakers("billing", BREAKER).of("canary") is not canary


def test_a_service_that_does_not_exist_leaves_nothing() -> None:
    held = Held(JumpingClock())
    held.breakers("nobody", BREAKER).of(None)
    held.slots("nobody", LIMIT).of(None)
    held.outliers(callee(service="nobody"), OUTLIER)
    latencies = held.latencies("nobody", "knows")
    held.budget("nobody", BudgetPolicy())
    held.forget("nobody")
    assert held.status() == {}
    assert held.latencies("nobody", "knows") is not latencies


def test_the_status_tells_what_protects_a_service_now() -> None:
    held = Held(JumpingClock())
    breaker = held.breakers("orders", BREAKER).of(None)
    for _ in range(20):
        breaker.failed(breaker.enter())
    outliers = held.outliers(callee(instance("a", "create"), instance("b", "create")), OUTLIER)
    for _ in range(5):
        outliers.failed(request(instance="a"))
    held.slots("orders", LIMIT).of("canary").take()
    assert held.status() == {
        "orders": {
            "breakers": [{"subset": None, "standing": "open", "opened": 1}],
            "outliers": [{"ejected": ["a"], "ejections": 1}],
            "limits": [{"subset": "canary", "in_flight": 1, "waiting": 0, "refused": 0}],
        }
    }


def test_a_subset_that_nobody_defines_any_more_leaves_nothing() -> None:
    held = Held(JumpingClock())
    breakers, slots = held.breakers("orders", BREAKER), held.slots("orders", LIMIT)
    whole = breakers.of(None)
    for release in range(50):
        subset = f"release-{release}"
        kept = breakers.of(subset), slots.of(subset)
        held.keep(steering(subset))
        assert (breakers.of(subset), slots.of(subset)) == kept
    assert set(breakers.states) == {None, "release-49"}
    assert set(slots.states) == {"release-49"}
    assert breakers.of(None) is whole
    held.keep(snapshot(orders=Route(breaker=BREAKER, limit=LIMIT)))
    assert set(breakers.states) == {None}


def steering(subset: str) -> Snapshot:
    """Return a snapshot in which calls to `orders` go to one subset."""
    documents: list[dict[str, object]] = [
        {"kind": "Service", "name": "orders", "spec": {"breaker": {}, "limit": {}}},
        {
            "kind": "Traffic",
            "name": "orders",
            "spec": {"subsets": {subset: {"release": subset}}, "routes": [{"split": {subset: 1}}]},
        },
    ]
    return compile_snapshot(map(parse, documents), generation=1, revision=1)


def test_what_operations_take_is_kept_of_a_bounded_number() -> None:
    held = Held(JumpingClock())
    kept = [weakref.ref(held.latencies("orders", f"made-up-{number}")) for number in range(5000)]
    assert sum(each() is not None for each in kept) <= 2048
    latencies = held.latencies("orders", "create")
    held.latencies("orders", "quote")
    assert held.latencies("orders", "create") is latencies


def test_each_standing_of_a_breaker_is_logged_with_what_it_goes_by() -> None:
    clock = JumpingClock()
    with capture_logs() as logs:
        breaker = Held(clock).breakers("orders", BREAKER).of("canary")
        for _ in range(20):
            breaker.failed(breaker.enter())
        clock.advance(BREAKER.pause)
        for _ in range(4):
            breaker.succeeded(breaker.enter())
    said = {"service": "orders", "subset": "canary", "opened": 1, "component": "routing", "log_level": "warning"}
    assert logs == [
        {"event": "breaker_open", "good": 0, "bad": 20, **said},
        {"event": "breaker_half_open", "good": 0, "bad": 20, **said},
        {"event": "breaker_closed", "good": 0, "bad": 0, **said},
    ]


def test_an_instance_that_is_ejected_and_returns_is_logged() -> None:
    clock, known = JumpingClock(), callee(instance("a", "create"), instance("b", "create"))
    with capture_logs() as logs:
        outliers = Held(clock).outliers(known, OUTLIER)
        for _ in range(OUTLIER.failures):
            outliers.failed(request(instance="a"))
        clock.advance(OUTLIER.base)
        probe = request(instance="a")
        assert outliers.probe(known.kept, probe, clock()) is known.instances["a"]
        outliers.succeeded(probe)
    said = {"service": "orders", "component": "routing"}
    assert logs == [
        {"event": "instance_ejected", "ejected": "a", "seconds": OUTLIER.base, "log_level": "warning", **said},
        {"event": "instance_returned", "returned": "a", "log_level": "info", **said},
    ]
