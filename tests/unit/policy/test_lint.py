"""Warnings over all documents: each code where it is meant, and nowhere else."""

from __future__ import annotations

import pytest

from crossply_policy.lint import CODES, Living, lint
from tests.unit.policy.documents import defaults, parsed, service, traffic

TWO = {"v1": {"release": "1"}, "v2": {"release": "2"}}


def doubts(*values: object, living: Living | None = None) -> list[tuple[str, str, str]]:
    """Return code, path and detail of each warning."""
    return [(one.code, one.path, one.detail) for one in lint(parsed(*values), living)]


def places(*values: object, living: Living | None = None) -> list[tuple[str, str]]:
    return [(code, path) for code, path, _ in doubts(*values, living=living)]


def redirecting(name: str, to: str, **match: object) -> dict[str, object]:
    return traffic(name, routes=[{"match": match, "redirect": to}])


def test_documents_that_fit_together_give_no_warning() -> None:
    fitting = traffic(
        subsets=TWO,
        routes=[
            {"match": {"callers": ["web"]}, "split": {"v1": 1, "v2": 1}},
            {"split": {"v1": 1}, "mirror": {"subset": "v2"}},
        ],
        failover=["v1", "v2"],
    )
    living = {"orders": [{"release": "1", "zone": "a"}, {"release": "2"}]}
    assert doubts(defaults(), service(), fitting, living=living) == []


def test_a_subset_that_nobody_defines_is_named_wherever_it_stands() -> None:
    document = traffic(
        subsets={"v1": {"release": "1"}},
        routes=[{"split": {"v1": 1, "v3": 1}, "mirror": {"subset": "v4"}}],
        failover=["v1", "v5"],
    )
    assert doubts(document) == [
        ("CP101", "spec.failover[1]", "names the subset v5, which nobody defines; it defines v1"),
        ("CP101", "spec.routes[0].mirror.subset", "names the subset v4, which nobody defines; it defines v1"),
        ("CP101", "spec.routes[0].split.v3", "names the subset v3, which nobody defines; it defines v1"),
    ]


def test_labels_that_no_living_instance_has_are_said() -> None:
    document = traffic(subsets={"v1": {"release": "1", "zone": "a"}, "v2": {"release": "2"}})
    living = {"orders": [{"release": "1", "zone": "b"}, {"release": "2"}]}
    assert doubts(document, living=living) == [
        ("CP102", "spec.subsets.v1", "no living instance of orders has release=1 and zone=a")
    ]
    assert doubts(document) == []


@pytest.mark.parametrize(
    ("earlier", "later", "shadowed"),
    [
        ({}, {}, True),
        ({}, {"callers": ["web"]}, True),
        ({"callers": ["web"]}, {}, False),
        ({"endpoints": ["a", "b"]}, {"endpoints": ["a"]}, True),
        ({"endpoints": ["a"]}, {"endpoints": ["a", "b"]}, False),
        ({"endpoints": ["a"]}, {"endpoints": ["a"], "callers": ["web"], "metadata": {"x": "1"}}, True),
        ({"metadata": {"x": "1"}}, {"metadata": {"x": "1", "y": "2"}}, True),
        ({"metadata": {"x": "1"}}, {"metadata": {"x": "2"}}, False),
        ({"metadata": {"x": "1"}}, {}, False),
    ],
)
def test_a_route_is_unreachable_when_an_earlier_one_matches_all_that_it_does(
    earlier: dict[str, object], later: dict[str, object], shadowed: bool
) -> None:
    document = traffic(subsets=TWO, routes=[{"match": match, "split": {"v1": 1}} for match in (earlier, later)])
    expected = [("CP103", "spec.routes[1]", "is never reached: routes[0] matches all that it does")]
    assert doubts(document) == (expected if shadowed else [])


@pytest.mark.parametrize(
    "documents",
    [
        [redirecting("a", "b"), redirecting("b", "a")],
        [redirecting("a", "b"), redirecting("b", "c.x"), redirecting("c", "a", endpoints=["x"])],
        [redirecting("a", "b"), redirecting("b", "a.x")],
        [redirecting("a", "b", metadata={"x": "1"}), redirecting("b", "a", callers=["web"])],
    ],
)
def test_redirects_that_meet_their_beginning_are_a_circle(documents: list[dict[str, object]]) -> None:
    assert ("CP104", "spec.routes[0].redirect") in places(*documents)


@pytest.mark.parametrize(("to", "shadowed"), [("stock", True), ("orders.quote", False)])
def test_a_redirect_to_elsewhere_leaves_nothing_to_later_routes(to: str, shadowed: bool) -> None:
    document = traffic(routes=[{"redirect": to}, {"timeout": {"total": 1}}])
    assert places(document) == ([("CP103", "spec.routes[1]")] if shadowed else [])


def test_the_way_round_is_shown() -> None:
    assert doubts(redirecting("a", "b"), redirecting("b", "c.x"), redirecting("c", "a", endpoints=["x"])) == [
        ("CP104", "spec.routes[0].redirect", "leads in a circle: a.x -> b.x -> c.x -> a.x"),
        ("CP104", "spec.routes[0].redirect", "leads in a circle: b.x -> c.x -> a.x -> b.x"),
        ("CP104", "spec.routes[0].redirect", "leads in a circle: c.x -> a.x -> b.x -> c.x"),
    ]


@pytest.mark.parametrize(
    "documents",
    [
        [redirecting("a", "b"), redirecting("b", "c")],
        [redirecting("a", "a.x")],
        [redirecting("a", "b", callers=["web"]), redirecting("b", "a", callers=["mailer"])],
        [redirecting("a", "b", endpoints=["x"]), redirecting("b", "a", endpoints=["y"])],
    ],
)
def test_redirects_that_end_are_none(documents: list[dict[str, object]]) -> None:
    assert places(*documents) == []


def test_many_redirects_are_looked_at_in_bounded_time() -> None:
    documents = [
        traffic(f"s{one}", routes=[{"match": {"metadata": {"x": str(n)}}, "redirect": f"s{n}"} for n in range(60)])
        for one in range(60)
    ]
    assert {code for code, _ in places(*documents)} == {"CP104"}


@pytest.mark.parametrize(
    ("to", "doubled"), [("orders", True), ("orders.quote", True), ("orders.other", False), ("next", False)]
)
def test_a_mirror_that_copies_calls_to_where_they_go_is_said(to: str, doubled: bool) -> None:
    document = traffic(routes=[{"match": {"endpoints": ["quote"]}, "mirror": {"to": to}}])
    assert places(document) == ([("CP105", "spec.routes[0].mirror.to")] if doubled else [])


def test_services_that_nobody_runs_are_said_where_they_are_meant() -> None:
    document = traffic(
        routes=[
            {"match": {"callers": ["web"]}, "redirect": "gone.quote"},
            {"mirror": {"to": "away"}},
        ]
    )
    assert doubts(document, living={"stock": [{}]}) == [
        ("CP106", "name", "no instance of orders is known"),
        ("CP106", "spec.routes[0].redirect", "no instance of gone is known"),
        ("CP106", "spec.routes[1].mirror.to", "no instance of away is known"),
    ]
    assert doubts(document) == []


def test_every_code_is_explained_and_begins_alike() -> None:
    assert all(code.startswith(("CP1", "CP2")) and means for code, means in CODES.items())


def test_a_warning_reads_as_one_line() -> None:
    (one,) = lint(parsed(traffic(failover=["v1"])))
    assert str(one) == (
        "CP101 Traffic/orders spec.failover[0]: names the subset v1, which nobody defines; it defines none"
    )


def test_a_rate_limit_of_a_service_that_nobody_runs_is_told() -> None:
    limits = [
        {"kind": "RateLimit", "name": name, "spec": {"for": target, "rate": 1}}
        for name, target in (
            ("gone", {"service": "gone"}),
            ("here", {"service": "orders"}),
            ("events", {"channel": "gone.>"}),
        )
    ]
    assert doubts(*limits, living={"orders": [{}]}) == [("CP106", "spec.for.service", "no instance of gone is known")]
    assert doubts(*limits) == []


def test_a_section_that_the_brokers_choice_leaves_idle_is_said_whoever_lives() -> None:
    document = service(balance={"method": "queue"}, outlier={})
    detail = "does nothing, as balance.method is queue wherever it holds: the broker chooses; use another method"
    assert doubts(document) == [("CP109", "spec.outlier", detail)]
    assert doubts(document, living={"orders": [{}]}) == doubts(document)
