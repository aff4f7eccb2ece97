"""The value in force is the one said closest to the endpoint, whatever the documents say."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from crossply_policy.compile import compile_snapshot
from crossply_policy.defaults import FLOOR
from crossply_policy.documents import DefaultsSpec, Document, EndpointSpec, ServiceSpec
from crossply_policy.explain import explain
from crossply_policy.snapshot import Route
from tests.property.policy_documents import defaults_specs, endpoint_specs, service_specs

PATHS = (
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
    "idempotent",
)


def at(value: object, path: str) -> object:
    """Return what stands at a path, None where the way there ends."""
    for name in path.split("."):
        value = getattr(value, name, None)
    return value


def first_said(path: str, *nearest_first: object) -> object:
    """Return the first value that is said."""
    return next((said for one in nearest_first if (said := at(one, path)) is not None), None)


def three(mesh: DefaultsSpec, whole: ServiceSpec, one: EndpointSpec) -> tuple[Document, Document]:
    """Return the two documents that say the three specs."""
    service = replace(whole, endpoints={"create": one})
    return (
        Document(kind="Service", name="orders", spec=service),
        Document(kind="Defaults", name="mesh", spec=mesh),
    )


def check(route: Route, *nearest_first: object) -> None:
    """Compare a route with what the specs say, path by path."""
    for path in PATHS:
        assert at(route, path) == first_said(path, *nearest_first, FLOOR), path


@given(defaults_specs, service_specs, endpoint_specs)
def test_the_nearest_that_is_said_is_in_force(mesh: DefaultsSpec, whole: ServiceSpec, one: EndpointSpec) -> None:
    snapshot = compile_snapshot(three(mesh, whole, one), generation=1, revision=1)

    check(snapshot.route("orders", "create"), one, whole, mesh)
    check(snapshot.route("orders", "other"), whole, mesh)
    check(snapshot.route("billing", "create"), mesh)


@given(defaults_specs, service_specs, endpoint_specs, st.sampled_from(["create", "other"]))
def test_an_explanation_agrees_with_the_route_and_names_who_said_it(
    mesh: DefaultsSpec, whole: ServiceSpec, one: EndpointSpec, endpoint: str
) -> None:
    documents = three(mesh, whole, one)
    by_source = {
        "Service/orders endpoints.create": one if endpoint == "create" else None,
        "Service/orders": whole,
        "Defaults/mesh": mesh,
        "built-in": FLOOR,
    }

    for effective in explain(documents, "orders", endpoint):
        assert effective.value == first_said(effective.path, *by_source.values())
        said_by = [source for source, spec in by_source.items() if at(spec, effective.path) is not None]
        assert effective.source == (said_by[0] if said_by else "built-in")
