"""What a `Traffic` document may say, and what is refused."""

from __future__ import annotations

import pytest

from crossply.errors import Code
from crossply_policy.parse import parse, plain
from crossply_policy.traffic import (
    CODES,
    AbortSpec,
    DelaySpec,
    FaultSpec,
    MatchSpec,
    MirrorSpec,
    RouteSpec,
    RouteTimeoutSpec,
    TrafficSpec,
    labelled,
    operation_at,
)
from tests.unit.policy.documents import faults_of, traffic

WHOLE = traffic(
    subsets={"v2": {"release": "2"}, "v1": {"release": "1", "zone": "a"}},
    routes=[
        {
            "match": {"endpoints": ["quote", "create"], "callers": ["web"], "metadata": {"tester": "yes"}},
            "split": {"v2": 10, "v1": 90},
            "mirror": {"to": "orders-next.quote", "percentage": 20},
            "fault": {
                "abort": {"percentage": 1, "code": "unavailable"},
                "delay": {"percentage": 2.5, "duration": "100ms"},
            },
            "timeout": {"total": "1s", "attempt": "300ms"},
        },
        {"redirect": "orders-next"},
    ],
    failover=["v2", "v1"],
)


def routed(**route: object) -> dict[str, object]:
    """Return a document with one route."""
    return traffic(routes=[route])


def test_a_document_says_subsets_routes_and_failover() -> None:
    document = parse(WHOLE)

    assert document.key == "Traffic/orders"
    assert document.spec == TrafficSpec(
        subsets={"v1": {"release": "1", "zone": "a"}, "v2": {"release": "2"}},
        routes=(
            RouteSpec(
                match=MatchSpec(
                    endpoints=frozenset({"quote", "create"}),
                    callers=frozenset({"web"}),
                    metadata={"tester": "yes"},
                ),
                split={"v1": 90.0, "v2": 10.0},
                mirror=MirrorSpec(to="orders-next.quote", percentage=20.0),
                fault=FaultSpec(
                    abort=AbortSpec(percentage=1.0, code="unavailable"), delay=DelaySpec(percentage=2.5, duration=0.1)
                ),
                timeout=RouteTimeoutSpec(total=1.0, attempt=0.3),
            ),
            RouteSpec(redirect="orders-next"),
        ),
        failover=("v2", "v1"),
    )


def test_what_is_rendered_is_what_was_said() -> None:
    assert parse(plain(parse(WHOLE))) == parse(WHOLE)
    assert plain(parse(traffic())) == traffic()


def test_the_codes_of_a_fault_are_those_of_the_protocol() -> None:
    assert set(CODES) == {str(code) for code in Code} - {"ok"}


@pytest.mark.parametrize(
    ("document", "faults"),
    [
        (routed(split={"v1": 0, "v2": 0}), {"spec.routes[0].split": "has only weights of 0; give one subset more"}),
        (routed(split={}), {"spec.routes[0].split": "must hold 1 to 64 weights by subset, not 0"}),
        (routed(split={"v1": -1}), {"spec.routes[0].split.v1": "must be at least 0, not -1"}),
        (routed(mirror={}), {"spec.routes[0].mirror": "must say either to or subset"}),
        (routed(mirror={"to": "a", "subset": "b"}), {"spec.routes[0].mirror": "must say either to or subset"}),
        (routed(fault={}), {"spec.routes[0].fault": "must say abort, delay or both"}),
        (routed(fault={"abort": {"percentage": 1}}), {"spec.routes[0].fault.abort.code": "is missing"}),
        (routed(fault={"delay": {"duration": 1}}), {"spec.routes[0].fault.delay.percentage": "is missing"}),
        (
            routed(fault={"abort": {"percentage": 1, "code": "ok"}}),
            {"spec.routes[0].fault.abort.code": "ok is no failure"},
        ),
        (
            routed(redirect="stock", split={"v1": 1}),
            {"spec.routes[0].split": "does not act beside redirect; say it in the Traffic of the target"},
        ),
        (
            routed(timeout={"idle": 1}),
            {"spec.routes[0].timeout.idle": "is said of a service or an endpoint; move it to a Service document"},
        ),
        (
            routed(retry={"attempts": 1}),
            {"spec.routes[0].retry": "is said of a service or an endpoint; move it to a Service document"},
        ),
        (routed(match={"endpoints": []}), {"spec.routes[0].match.endpoints": "is empty; leave it out"}),
        (routed(match={"callers": ["web", "web"]}), {"spec.routes[0].match.callers[1]": "web is there twice"}),
        (traffic(routes={}), {"spec.routes": "must be a list, not an object"}),
        (
            traffic(subsets={"v1": {"release": 2}}),
            {"spec.subsets.v1.release": "must be text, not 2; write it in quotes"},
        ),
        (traffic(subsets={"v1": {}}), {"spec.subsets.v1": "must hold 1 to 16 labels, not 0"}),
        (traffic(failover=["v1", "v1"]), {"spec.failover[1]": "v1 is there twice"}),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_path(document: object, faults: dict[str, str]) -> None:
    assert faults_of(document) == faults


@pytest.mark.parametrize("target", ["Orders", "a.b.c", "any", "orders.", 3])
def test_a_target_is_a_service_or_an_operation(target: object) -> None:
    assert list(faults_of(routed(redirect=target))) == ["spec.routes[0].redirect"]


def test_a_bad_subset_name_is_refused_where_it_stands() -> None:
    document = traffic(subsets={"V 1": {"release": "1"}}, routes=[{"split": {"V 1": 1}}], failover=["V 1"])

    assert list(faults_of(document)) == ["spec.subsets['V 1']", "spec.routes[0].split['V 1']", "spec.failover[0]"]


def test_a_section_with_a_fault_is_not_also_said_to_be_incomplete() -> None:
    assert faults_of(routed(mirror={"to": "No"})).keys() == {"spec.routes[0].mirror.to"}


def test_version_and_zone_are_labels_unless_an_instance_says_otherwise() -> None:
    assert labelled({"tier": "gold"}, version="1.2", zone="a") == {"version": "1.2", "zone": "a", "tier": "gold"}
    assert labelled({"version": "blue"}, version="1.2", zone="a")["version"] == "blue"


def test_a_service_as_target_keeps_the_endpoint() -> None:
    assert operation_at("stock", "count") == "stock.count"
    assert operation_at("stock.total", "count") == "stock.total"
