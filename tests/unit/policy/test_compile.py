"""Resolution: Defaults, then Service, then endpoint, field by field, over the floor."""

from __future__ import annotations

import pytest

from crossply_policy.compile import compile_snapshot
from crossply_policy.defaults import FLOOR
from crossply_policy.documents import BalancePolicy, BudgetPolicy, DrainPolicy, RetryPolicy, TimeoutPolicy
from crossply_policy.faults import Fault, PolicyInvalid
from crossply_policy.snapshot import Route, Snapshot
from tests.unit.policy.documents import defaults, parsed, service


def compiled(*values: object) -> Snapshot:
    """Return the snapshot of documents written as plain data."""
    return compile_snapshot(parsed(*values), generation=1, revision=7)


def test_an_empty_mesh_has_the_floor_for_every_route() -> None:
    snapshot = compiled()

    assert (snapshot.generation, snapshot.revision) == (1, 7)
    assert snapshot.route("orders", "create") == FLOOR
    assert Route() == FLOOR


def test_the_floor_is_what_the_docs_promise() -> None:
    assert FLOOR.timeout == TimeoutPolicy(total=5.0, attempt=None, idle=30.0)
    assert FLOOR.retry == RetryPolicy(
        attempts=2,
        base=0.025,
        on=frozenset({"unavailable", "overloaded", "disconnected", "deadline_exceeded", "internal"}),
        budget=BudgetPolicy(ratio=0.2, floor=10.0, window=10.0),
    )
    assert FLOOR.balance == BalancePolicy(method="least_latency")
    assert FLOOR.drain == DrainPolicy(timeout=25.0)
    assert FLOOR.idempotent is None


def test_each_field_is_resolved_by_itself() -> None:
    snapshot = compiled(
        defaults(timeout={"total": 1, "attempt": 2, "idle": 3}, drain={"timeout": 9}),
        service(timeout={"attempt": 20, "idle": 30}, endpoints={"create": {"timeout": {"idle": 300}}}),
    )

    assert snapshot.route("orders", "create").timeout == TimeoutPolicy(total=1, attempt=20, idle=300)
    assert snapshot.route("orders", "other").timeout == TimeoutPolicy(total=1, attempt=20, idle=30)
    assert snapshot.route("billing", "create").timeout == TimeoutPolicy(total=1, attempt=2, idle=3)
    assert snapshot.route("orders", "create").drain == DrainPolicy(timeout=9)


def test_sections_within_sections_are_resolved_field_by_field() -> None:
    snapshot = compiled(
        defaults(retry={"budget": {"ratio": 0.5}}),
        service(retry={"budget": {"floor": 1}}, endpoints={"create": {"retry": {"attempts": 4}}}),
    )

    assert snapshot.route("orders", "create").retry == RetryPolicy(
        attempts=4, budget=BudgetPolicy(ratio=0.5, floor=1, window=10)
    )


def test_no_further_attempts_leave_the_rest_of_what_is_said_of_retry() -> None:
    snapshot = compiled(
        service(retry={"attempts": 0, "budget": {"floor": 1}}, endpoints={"quote": {"retry": {"attempts": 1}}})
    )

    assert snapshot.route("orders", "create").retry == RetryPolicy(attempts=0, budget=BudgetPolicy(floor=1))
    assert snapshot.route("orders", "quote").retry == RetryPolicy(attempts=1, budget=BudgetPolicy(floor=1))
    assert snapshot.route("billing", "charge").retry == FLOOR.retry


def test_what_is_said_of_retry_survives_a_whole_without_attempts() -> None:
    snapshot = compiled(
        defaults(retry={"attempts": 0, "base": 1}),
        service(endpoints={"quote": {"retry": {"attempts": 1}}}),
    )

    assert snapshot.route("billing", "charge").retry == RetryPolicy(attempts=0, base=1)
    assert snapshot.route("orders", "quote").retry == RetryPolicy(attempts=1, base=1)


def test_an_empty_list_of_codes_is_said_and_not_silence() -> None:
    route = compiled(service(retry={"on": []})).route("orders", "create")
    assert route.retry == RetryPolicy(on=frozenset())


def test_an_endpoint_may_differ_in_being_idempotent() -> None:
    snapshot = compiled(service(idempotent=True, endpoints={"create": {"idempotent": False}}))

    assert snapshot.route("orders", "quote").idempotent is True
    assert snapshot.route("orders", "create").idempotent is False
    assert snapshot.route("billing", "charge").idempotent is None


def test_a_route_is_the_same_object_at_every_lookup() -> None:
    snapshot = compiled(defaults(drain={"timeout": 1}), service(endpoints={"create": {"idempotent": True}}))

    for operation in (("orders", "create"), ("orders", "other"), ("nobody", "knows")):
        assert snapshot.route(*operation) is snapshot.route(*operation)


def test_the_order_of_documents_does_not_matter() -> None:
    values = [defaults(timeout={"total": 1}), service(retry={"attempts": 1}), service("billing")]
    assert compiled(*values) == compiled(*reversed(values))


def test_two_documents_of_one_kind_and_name_are_refused() -> None:
    with pytest.raises(PolicyInvalid) as refused:
        compiled(service(), defaults(), service(), defaults(), service("billing"))

    assert refused.value.faults == (
        Fault("Service/orders", "is there more than once; keep one document of it"),
        Fault("Defaults/mesh", "is there more than once; keep one document of it"),
    )
