"""Which routes the calls of one caller to one endpoint may take."""

from __future__ import annotations

from crossply_policy.compile import compile_snapshot
from crossply_policy.explain import explain
from crossply_policy.rules import HOPS, Conditional, chosen, routes_for
from crossply_policy.snapshot import Snapshot
from crossply_policy.traffic import AbortPolicy, FaultPolicy, MirrorPolicy, TrafficPolicy
from tests.unit.policy.documents import parsed, service, traffic


def compiled(*values: object) -> Snapshot:
    return compile_snapshot(parsed(*values), generation=1, revision=1)


def routes(document: object, endpoint: str = "quote", caller: str = "web", *via: str) -> list[Conditional]:
    return list(routes_for(compiled(document), "orders", endpoint, caller, via))


def splits(found: list[Conditional]) -> list[object]:
    return [one.route.traffic and dict(one.route.traffic.split or {}) for one in found]


def test_without_a_document_the_endpoints_route_is_the_only_one_and_itself() -> None:
    snapshot = compiled(service(timeout={"total": 1}))
    (only,) = routes_for(snapshot, "orders", "quote", "web")
    assert only.route is snapshot.route("orders", "quote")
    assert only.route.traffic is None
    assert only.condition == ()


def test_a_document_that_asks_for_nothing_makes_no_route() -> None:
    assert compiled(traffic(), traffic("billing", subsets={"a": {"b": "c"}})).traffic == {}


def test_the_first_route_that_matches_holds() -> None:
    document = traffic(
        routes=[
            {"match": {"endpoints": ["create"]}, "split": {"a": 1}},
            {"match": {"callers": ["mailer"]}, "split": {"b": 1}},
            {"split": {"c": 1}},
            {"split": {"d": 1}},
        ]
    )
    assert splits(routes(document, "create")) == [{"a": 1.0}]
    assert splits(routes(document, "quote", "mailer")) == [{"b": 1.0}]
    assert splits(routes(document, "quote", "web")) == [{"c": 1.0}]


def test_what_no_route_matches_goes_by_the_endpoints_route() -> None:
    document = traffic(routes=[{"match": {"endpoints": ["create"]}, "split": {"a": 1}}])
    (only,) = routes(document, "quote")
    assert only.route.traffic is None


def test_routes_that_ask_for_metadata_are_tried_in_order_before_the_first_that_does_not() -> None:
    document = traffic(
        routes=[
            {"match": {"metadata": {"tester": "yes", "lang": "fr"}}, "split": {"a": 1}},
            {"match": {"metadata": {"tester": "yes"}}, "split": {"b": 1}},
            {"split": {"c": 1}},
            {"match": {"metadata": {"tester": "no"}}, "split": {"d": 1}},
        ]
    )
    found = routes(document)
    assert splits(found) == [{"a": 1.0}, {"b": 1.0}, {"c": 1.0}]
    assert chosen(found, {"tester": "yes", "lang": "fr"}) is found[0]
    assert chosen(found, {"tester": "yes", "lang": "de"}) is found[1]
    assert chosen(found, {"tester": "no"}) is found[2]
    assert chosen(found, {}) is found[2]


def test_a_route_overrides_the_timeouts_it_says_and_no_others() -> None:
    snapshot = compiled(
        service(timeout={"total": 3, "attempt": 1, "idle": 9}, retry={"attempts": 4}),
        traffic(routes=[{"match": {"callers": ["web"]}, "timeout": {"total": 7}}]),
    )
    (matched,) = routes_for(snapshot, "orders", "quote", "web")
    timeout = matched.route.timeout
    assert (timeout.total, timeout.attempt, timeout.idle) == (7.0, 1.0, 9.0)
    assert matched.route.retry == snapshot.route("orders", "quote").retry
    (other,) = routes_for(snapshot, "orders", "quote", "mailer")
    assert other.route.timeout.total == 3.0


def test_what_a_route_asks_for_is_compiled_once() -> None:
    document = traffic(
        subsets={"v1": {"release": "1"}},
        routes=[
            {
                "split": {"v1": 1},
                "mirror": {"subset": "v1"},
                "fault": {"abort": {"percentage": 5, "code": "internal"}},
            }
        ],
        failover=["v1"],
    )
    (only,) = routes(document)
    assert only.route.traffic == TrafficPolicy(
        subsets={"v1": frozenset({("release", "1")})},
        split={"v1": 1.0},
        mirror=MirrorPolicy(subset="v1", percentage=100.0),
        fault=FaultPolicy(document="Traffic/orders", abort=AbortPolicy(percentage=5.0, code="internal")),
        failover=("v1",),
    )


def test_a_share_of_nothing_asks_for_nothing() -> None:
    document = traffic(
        routes=[
            {
                "mirror": {"to": "stock", "percentage": 0},
                "fault": {
                    "abort": {"percentage": 0, "code": "internal"},
                    "delay": {"percentage": 0, "duration": 1},
                },
            }
        ]
    )
    (only,) = routes(document)
    assert only.route.traffic == TrafficPolicy()


def test_failover_is_for_calls_that_no_route_matches_as_well() -> None:
    document = traffic(
        subsets={"a": {"x": "1"}, "b": {"x": "2"}},
        routes=[{"match": {"endpoints": ["create"]}, "timeout": {"total": 1}}],
        failover=["a", "b"],
    )
    for endpoint in ("create", "quote"):
        (only,) = routes(document, endpoint)
        assert only.route.traffic
        assert only.route.traffic.failover == ("a", "b")


def test_a_redirect_holds_for_no_call_that_is_or_was_at_its_target() -> None:
    document = traffic(routes=[{"redirect": "orders.quote"}, {"redirect": "stock"}, {"split": {"a": 1}}])
    assert routes(document, "create")[0].route.traffic == TrafficPolicy(redirect="orders.quote")
    assert routes(document, "quote")[0].route.traffic == TrafficPolicy(redirect="stock")
    assert splits(routes(document, "quote", "web", "stock.quote")) == [{"a": 1.0}]


def test_a_call_follows_a_bounded_number_of_redirects() -> None:
    document = traffic(routes=[{"redirect": "stock"}])
    via = tuple(f"s{number}.quote" for number in range(HOPS))
    assert routes(document, "quote", "web", *via[:-1])[0].route.traffic == TrafficPolicy(redirect="stock")
    assert routes(document, "quote", "web", *via)[0].route.traffic is None


def test_an_explanation_names_the_route_that_a_call_takes() -> None:
    documents = parsed(
        service(timeout={"total": 3, "attempt": 1}),
        traffic(
            subsets={"a": {"x": "1"}},
            routes=[
                {"match": {"metadata": {"tester": "yes"}}, "split": {"a": 1}, "timeout": {"total": 7}},
                {"match": {"callers": ["web"]}, "mirror": {"to": "stock", "percentage": 5}},
            ],
        ),
    )

    def explained(caller: str, metadata: dict[str, str]) -> dict[str, tuple[object, str]]:
        found = explain(documents, "orders", "quote", caller=caller, metadata=metadata)
        return {one.path: (one.value, one.source) for one in found}

    tester = explained("web", {"tester": "yes"})
    assert tester["timeout.total"] == (7.0, "Traffic/orders routes[0]")
    assert tester["timeout.attempt"] == (1.0, "Service/orders")
    assert tester["traffic.split"] == ({"a": 1.0}, "Traffic/orders routes[0]")
    web = explained("web", {})
    assert web["timeout.total"] == (3.0, "Service/orders")
    assert web["traffic.mirror.percentage"] == (5.0, "Traffic/orders routes[1]")
    assert explained("mailer", {})["traffic"] == (None, "built-in")
