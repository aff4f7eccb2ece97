"""Where each value of a route comes from."""

from __future__ import annotations

from crossply_policy.explain import Effective, explain, explain_telemetry
from tests.unit.policy.documents import defaults, parsed, service

DOCUMENTS = parsed(
    defaults(timeout={"total": 3, "idle": 3}, retry={"budget": {"ratio": 0.5}}),
    service(timeout={"total": 2}, retry={"attempts": 0}, endpoints={"quote": {"idempotent": True}}),
    service("billing", timeout={"total": 1}),
)


def explained(service_name: str, endpoint: str) -> dict[str, Effective]:
    """Return what holds, by path."""
    return {one.path: one for one in explain(DOCUMENTS, service_name, endpoint)}


def test_each_value_names_the_document_it_came_from() -> None:
    found = explained("orders", "quote")

    assert {path: (one.value, one.source) for path, one in found.items() if one.source != "built-in"} == {
        "timeout.total": (2.0, "Service/orders"),
        "timeout.idle": (3.0, "Defaults/mesh"),
        "retry.attempts": (0, "Service/orders"),
        "retry.budget.ratio": (0.5, "Defaults/mesh"),
        "idempotent": (True, "Service/orders endpoints.quote"),
    }


def test_every_value_is_there_the_built_in_ones_included() -> None:
    found = explained("nobody", "knows")

    assert list(found) == [
        "timeout.total",
        "timeout.attempt",
        "timeout.idle",
        "retry.attempts",
        "retry.base",
        "retry.on",
        "retry.budget.ratio",
        "retry.budget.floor",
        "retry.budget.window",
        "balance.method",
        "balance.zone",
        "balance.panic",
        "hedge.enabled",
        "hedge.after",
        "breaker.enabled",
        "breaker.success",
        "breaker.window",
        "breaker.calls",
        "breaker.pause",
        "outlier.enabled",
        "outlier.failures",
        "outlier.base",
        "outlier.share",
        "limit.enabled",
        "limit.in_flight",
        "limit.queue",
        "warmup.duration",
        "warmup.floor",
        "drain.timeout",
        "admission.adaptive",
        "admission.limit",
        "admission.queue",
        "idempotent",
        "traffic",
    ]
    assert found["retry.base"] == Effective(path="retry.base", value=0.025, source="built-in")
    assert found["timeout.total"].source == "Defaults/mesh"


def test_what_a_service_keeps_names_its_documents_too() -> None:
    documents = parsed(
        {"kind": "Telemetry", "name": "mesh", "spec": {"sampling": 1, "slow": 2}},
        {"kind": "Telemetry", "name": "billing", "spec": {"slow": "250ms"}},
    )
    found = {one.path: (one.value, one.source) for one in explain_telemetry(documents, "billing")}
    assert found == {
        "sampling": (1.0, "Telemetry/mesh"),
        "slow": (0.25, "Telemetry/billing"),
        "log_level": (None, "built-in"),
    }
