"""Reading a document: what is accepted, and that every fault is reported with its path."""

from __future__ import annotations

import math

import pytest

from crossply_policy.documents import (
    BalanceSpec,
    BudgetSpec,
    DefaultsSpec,
    Document,
    DrainSpec,
    EndpointSpec,
    RetrySpec,
    ServiceSpec,
    TimeoutSpec,
)
from crossply_policy.faults import MOST_FAULTS, Fault, PolicyInvalid
from crossply_policy.names import KINDS, KINDS_TO_COME
from crossply_policy.parse import parse, parse_json, plain
from crossply_policy.shapes import listed
from tests.unit.policy.documents import defaults, faults_of, service

EMPTY: dict[str, object] = {}


def test_a_service_says_what_differs_as_a_whole_and_per_endpoint() -> None:
    document = parse(
        service(
            "billing",
            timeout={"total": "1.5s", "attempt": "250ms", "idle": "1m"},
            retry={
                "attempts": 3,
                "base": 0.05,
                "on": ["internal"],
                "budget": {"ratio": 1, "floor": 2, "window": 3},
            },
            balance={"method": "queue"},
            drain={"timeout": "1h"},
            idempotent=False,
            endpoints={"charge": {"idempotent": True, "retry": {"attempts": 0}}},
        )
    )

    assert document == Document(
        kind="Service",
        name="billing",
        spec=ServiceSpec(
            timeout=TimeoutSpec(total=1.5, attempt=0.25, idle=60.0),
            retry=RetrySpec(
                attempts=3,
                base=0.05,
                on=frozenset({"internal"}),
                budget=BudgetSpec(ratio=1.0, floor=2.0, window=3.0),
            ),
            balance=BalanceSpec(method="queue"),
            drain=DrainSpec(timeout=3600.0),
            idempotent=False,
            endpoints={"charge": EndpointSpec(idempotent=True, retry=RetrySpec(attempts=0))},
        ),
    )
    assert document.key == "Service/billing"


def test_what_a_document_does_not_say_stays_unsaid() -> None:
    assert parse(defaults()).spec == DefaultsSpec()
    assert plain(parse(service(timeout={}))) == service(timeout={})


def test_all_faults_are_reported_at_once_in_the_order_of_the_document() -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parse(service(timeout={"total": "soon"}, retry={"attempts": -1, "base": 0}))

    assert refused.value.faults == (
        Fault(
            "spec.timeout.total",
            "must be a duration such as 250ms, 5s, 1m or 1h, not the text 'soon'",
        ),
        Fault("spec.retry.attempts", "must be at least 0, not -1"),
        Fault("spec.retry.base", "must be at least 0.001s, not 0"),
    )
    assert str(refused.value) == "; ".join(str(fault) for fault in refused.value.faults)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (True, "must be a number, not true"),
        ("2", "must be a number, not the text '2'"),
        (None, "must be a number, not null"),
        ([2], "must be a number, not a list"),
        (2.5, "must be a whole number, not 2.5"),
        (11, "must be at most 10, not 11"),
        (10**400, "must be at most 10, not a number of many digits"),
        (math.nan, "must be a finite number, not nan"),
        (-math.inf, "must be a finite number, not -inf"),
    ],
)
def test_what_is_no_number_of_attempts_is_refused(said: object, why: str) -> None:
    assert faults_of(service(retry={"attempts": said})) == {"spec.retry.attempts": why}


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("250ms", 0.25), ("35ms", 0.035), ("5s", 5), ("1.5m", 90), ("1h", 3600), (0.001, 0.001), (3600, 3600)],
)
def test_a_duration_is_seconds_or_text_with_a_unit(said: object, seconds: float) -> None:
    assert parse(defaults(drain={"timeout": said})).spec == DefaultsSpec(drain=DrainSpec(timeout=seconds))


@pytest.mark.parametrize(
    "said",
    [
        "5",
        "5 s",
        "s",
        "-5s",
        "1h30m",
        "5S",
        "1e3s",
        "\u0665s",
        "5s\n",
        "0s",
        "61m",
        0,
        -1,
        3601,
        True,
        None,
        {},
    ],
)
def test_what_is_no_duration_within_its_bounds_is_refused(said: object) -> None:
    assert list(faults_of(service(timeout={"total": said}))) == ["spec.timeout.total"]


@pytest.mark.parametrize("code", ["not_found", "invalid_argument", "permission_denied"])
def test_a_code_that_would_come_again_is_never_tried_again(code: str) -> None:
    assert faults_of(service(retry={"on": ["internal", code]})) == {
        "spec.retry.on[1]": f"{code} is never tried again: the answer would be the same"
    }


def test_the_codes_of_a_retry_are_a_list_of_known_ones_each_once() -> None:
    found = faults_of(service(retry={"on": ["internal", "unavailabel", 3, "internal"]}))
    assert found["spec.retry.on[1]"].endswith("not the text 'unavailabel'; did you mean unavailable?")
    assert found["spec.retry.on[2]"].endswith("not 3")
    assert found["spec.retry.on[3]"] == "internal is there twice"
    assert faults_of(service(retry={"on": "internal"})) == {"spec.retry.on": "must be a list, not the text 'internal'"}
    assert not faults_of(service(retry={"on": []}))


def test_an_unknown_field_is_refused_with_the_one_that_was_meant() -> None:
    found = faults_of({**service(timeot={}, retry={"zzz": 1}), "nam": "x"})
    assert found == {
        "nam": "is not a field; did you mean name?",
        "spec.timeot": "is not a field; did you mean timeout?",
        "spec.retry.zzz": "is not a field; use attempts, base, on or budget",
    }


def test_an_unknown_way_of_balancing_is_refused_with_those_there_are() -> None:
    assert faults_of(service(balance={"method": "random"})) == {
        "spec.balance.method": "must be least_latency, round_robin, hash or queue, not the text 'random'"
    }


def test_what_stands_in_the_wrong_place_is_refused_with_the_right_one() -> None:
    assert faults_of(service(endpoints={"a": {"drain": {"timeout": 1}}})) == {
        "spec.endpoints.a.drain": "is said of the whole service; move it to spec.drain"
    }
    assert list(faults_of(defaults(idempotent=True, endpoints={}))) == ["spec.idempotent", "spec.endpoints"]


def test_the_names_of_endpoints_are_checked() -> None:
    found = faults_of(service(endpoints={"a b": {}, 7: {}}))
    assert found["spec.endpoints['a b']"].startswith("endpoint name 'a b' is refused")
    assert found["spec.endpoints[7]"] == "a name must be text; write it in quotes"


def test_a_service_has_a_bounded_number_of_endpoints() -> None:
    assert not faults_of(service(endpoints={f"e{number}": EMPTY for number in range(1024)}))
    assert faults_of(service(endpoints={f"e{number}": EMPTY for number in range(1025)})) == {
        "spec.endpoints": "must hold at most 1024 names, not 1025"
    }


@pytest.mark.parametrize("kind", KINDS_TO_COME)
def test_a_kind_of_later_versions_does_not_parse(kind: str) -> None:
    found = faults_of({"kind": kind, "name": "x", "spec": {}})
    assert found == {"kind": f"kind {kind} is not available in this version, which has {listed(KINDS, 'and')}"}


def test_what_is_missing_is_named() -> None:
    assert faults_of({}) == {"kind": "is missing", "name": "is missing", "spec": "is missing"}


def test_a_document_has_the_name_its_kind_wants() -> None:
    assert faults_of({**defaults(), "name": "orders"}) == {"name": "must be mesh, as there is one such document"}
    assert list(faults_of(service("mesh.x"))) == ["name"]
    assert faults_of({**service(), "name": 7}) == {"name": "must be text, not 7; write it in quotes"}


@pytest.mark.parametrize("value", [None, 3, "Service", [service()], True, object(), b"x"])
def test_what_is_no_object_is_no_document(value: object) -> None:
    assert faults_of(value)[""].startswith("must be an object with kind, name and spec, not ")


def test_the_key_that_yaml_turns_into_true_is_explained() -> None:
    assert "YAML 1.1" in faults_of(service(retry={True: ["internal"]}))["spec.retry[true]"]


def test_a_document_is_nested_at_most_32_levels() -> None:
    deep: object = 1
    for _ in range(30):
        deep = {"a": deep}
    assert "deeper" not in str(faults_of(service(a=deep)))

    deeper = faults_of(service(a=[deep]))
    assert len(deeper) == 1
    assert next(iter(deeper.values())) == "is nested deeper than 32 levels"


def test_a_value_within_itself_is_refused() -> None:
    loop: dict[str, object] = {}
    loop["spec"] = loop
    assert "deeper" in str(faults_of(loop))


def test_a_hostile_document_gets_a_bounded_list_of_faults() -> None:
    with pytest.raises(PolicyInvalid) as refused:
        parse(service(**{f"k{number}": 1 for number in range(10_000)}))
    assert len(refused.value.faults) == MOST_FAULTS + 1
    assert "the rest was not read" in refused.value.faults[-1].detail

    assert "holds more than" in faults_of(service(a=[0] * 70_000))[""]


def test_a_long_value_is_shown_shortened() -> None:
    (detail,) = faults_of(service(balance={"method": "x" * 10_000})).values()
    assert len(detail) < 200
    (path,) = faults_of(service(**{"y" * 10_000: 1}))
    assert len(path) < 200


def test_a_document_is_read_from_json_with_the_paths_of_its_faults() -> None:
    assert parse_json(b'{"kind":"Service","name":"a","spec":{"idempotent":true}}') == parse(
        service("a", idempotent=True)
    )
    with pytest.raises(PolicyInvalid) as refused:
        parse_json(b'{"kind":"Service","name":"a","spec":{"retry":{"attempts":NaN,"base":1e999}}}')
    assert [fault.path for fault in refused.value.faults] == ["spec.retry.attempts", "spec.retry.base"]
