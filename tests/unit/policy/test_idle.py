"""What is said of the choice of instances, and holds only where the broker makes it."""

from __future__ import annotations

import pytest

from crossply_policy.idle import Idle, idle
from tests.unit.policy.documents import defaults, parsed, service, traffic

QUEUE = {"method": "queue"}
SUBSETS = {"v1": {"release": "1"}}


def found(*values: object) -> list[tuple[str, str]]:
    """Return document and path of each."""
    return [(one.document, one.path) for one in idle(parsed(*values))]


def test_each_section_that_is_for_callers_who_choose_is_named() -> None:
    document = service(balance={**QUEUE, "zone": "first", "panic": 0.2}, outlier={}, warmup={"duration": 5}, breaker={})
    assert list(idle(parsed(document))) == [
        Idle("Service/orders", path)
        for path in ("spec.outlier", "spec.warmup", "spec.balance.zone", "spec.balance.panic")
    ]


@pytest.mark.parametrize("balance", [{}, {"method": "hash"}, {"zone": "any"}])
def test_callers_that_choose_go_by_what_is_said(balance: dict[str, object]) -> None:
    assert found(service(balance=balance, outlier={}, warmup={"floor": 1})) == []


def test_what_is_turned_off_is_not_missed() -> None:
    assert found(service(balance=QUEUE, outlier={"enabled": False})) == []


def test_a_method_of_the_floor_counts_for_a_service_and_one_of_the_service_for_its_endpoints() -> None:
    assert found(defaults(balance=QUEUE), service(outlier={})) == [("Service/orders", "spec.outlier")]
    assert found(service(balance=QUEUE, endpoints={"quote": {"outlier": {}}})) == [
        ("Service/orders", "spec.endpoints.quote.outlier")
    ]
    assert found(service(endpoints={"quote": {"balance": QUEUE, "warmup": {"floor": 1}}})) == [
        ("Service/orders", "spec.endpoints.quote.warmup")
    ]


def test_a_section_that_acts_somewhere_is_not_idle() -> None:
    assert found(service(outlier={}, endpoints={"quote": {"balance": QUEUE}})) == []
    assert found(service(balance=QUEUE, outlier={}, endpoints={"quote": {"balance": {"method": "hash"}}})) == []
    floor = defaults(balance=QUEUE, outlier={})
    assert found(floor) == [("Defaults/mesh", "spec.outlier")]
    assert found(floor, service(balance={"method": "round_robin"})) == []
    assert found(floor, service(endpoints={"quote": {"balance": {"method": "hash"}}})) == []


@pytest.mark.parametrize("steering", [{"routes": [{"split": {"v1": 1}}]}, {"failover": ["v1"]}])
def test_where_calls_have_subsets_their_caller_chooses_whatever_the_method(steering: dict[str, object]) -> None:
    document = service(balance=QUEUE, outlier={})
    assert found(document, traffic(subsets=SUBSETS, **steering)) == []
    assert found(document, traffic("billing", subsets=SUBSETS, **steering)) == [("Service/orders", "spec.outlier")]
    assert found(document, traffic(subsets=SUBSETS, routes=[{"timeout": {"total": 1}}])) != []
