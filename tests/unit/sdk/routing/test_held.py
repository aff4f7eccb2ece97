"""State by service and policy: it outlives snapshots, unless its own policy changed."""

from __future__ import annotations

from types import MappingProxyType

from crossply.routing.held import Held
from crossply.testing import JumpingClock
from crossply_policy.documents import BudgetPolicy, RetryPolicy
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
        held.breakers("orders", BREAKER).of("canary"),
        held.slots("orders", LIMIT).of(None),
        held.outliers(known, OUTLIER),
        held.latencies("orders", "create"),
    )
    held.keep(snapshot(orders=Route(breaker=BREAKER, limit=LIMIT, outlier=OUTLIER, idempotent=True)))
    assert before == (
        held.budget("orders", BudgetPolicy()),
        held.breakers("orders", BREAKER).of("canary"),
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
