"""Choosing: by which method, among whom, and whom a probe goes to."""

from __future__ import annotations

import pytest

from crossply.errors import NoResponders
from crossply.routing.chooser import Chooser, chooser
from crossply.routing.eligible import Eligible
from crossply.routing.instances import Callee
from crossply.routing.outliers import Outliers
from crossply.routing.picker import InTurn, LeastLatency
from crossply.routing.subsets import Subsets
from crossply.routing.warmth import Warmth
from crossply.testing import JumpingClock, chance
from crossply_policy.documents import BalancePolicy, Method
from crossply_policy.protection import OutlierPolicy, WarmupPolicy
from crossply_policy.snapshot import Route
from tests.unit.sdk.stage import callee, instance, request

SOURCE = chance(1)
BY_LATENCY = LeastLatency(SOURCE, Warmth(WarmupPolicy(), SOURCE))


def service(names: str = "abc") -> Callee:
    return callee(*(instance(name, "create") for name in names))


def test_without_a_picker_the_queue_group_chooses() -> None:
    assert Chooser(service(), "create", None).choose(request(), 0.0) is None


def test_where_nobody_is_known_nobody_is_chosen() -> None:
    assert Chooser(service(), "refund", BY_LATENCY).choose(request(), 0.0) is None


def test_another_attempt_goes_to_another_instance_where_there_is_one() -> None:
    chooser = Chooser(service("ab"), "create", BY_LATENCY)
    assert {getattr(chooser.choose(request(tried=("a",)), 0.0), "id", None) for _ in range(20)} == {"b"}
    assert chooser.choose(request(tried=("a", "b")), 0.0) is not None


def test_in_turn_each_gets_as_much_as_the_others() -> None:
    chooser = Chooser(service("abc"), "create", InTurn(SOURCE, Warmth(WarmupPolicy(), SOURCE)))
    turns = [getattr(chooser.choose(request(), 0.0), "id", "") for _ in range(9)]
    assert turns[:3] == turns[3:6] == turns[6:]
    assert sorted(turns[:3]) == ["a", "b", "c"]


def test_an_ejected_instance_gets_nothing_but_one_probe_when_its_time_is_over() -> None:
    known, clock = service(), JumpingClock()
    outliers = Outliers(OutlierPolicy(), known, clock, lambda _name, _length: None)
    chooser = Chooser(known, "create", BY_LATENCY, eligible=Eligible(BalancePolicy(), "", outliers), outliers=outliers)

    def chosen() -> list[str]:
        return [getattr(chooser.choose(request(), clock()), "id", "") for _ in range(40)]

    for _ in range(5):
        outliers.failed(request(instance="a"))
    assert set(chosen()) == {"b", "c"}
    clock.advance(5.0)
    assert chosen().count("a") == 1


@pytest.mark.parametrize("suspect", [True, False])
def test_a_suspect_is_left_out_from_the_moment_it_is_one(suspect: bool) -> None:
    known = service("ab")
    chooser = Chooser(known, "create", BY_LATENCY, eligible=Eligible(BalancePolicy(), "", None))
    assert {getattr(chooser.choose(request(), 0.0), "id", "") for _ in range(40)} == {"a", "b"}
    known.suspect(known.instances["a"], suspect=suspect)
    chosen = {getattr(chooser.choose(request(), 0.0), "id", "") for _ in range(40)}
    assert chosen == ({"b"} if suspect else {"a", "b"})


@pytest.mark.parametrize("method", ["least_latency", "round_robin", "hash", "queue"])
@pytest.mark.parametrize("zone", ["", "x"])
def test_a_call_stays_in_its_subset_by_every_method_and_in_every_zone(method: Method, zone: str) -> None:
    known = service("abc")
    for name, each in known.instances.items():
        each.zone, each.labels = "x" if name == "a" else "y", {"tier": "lead" if name == "a" else "gold"}
    subsets = Subsets(known, "create", {"gold": frozenset({("tier", "gold")}), "nobody": frozenset({("tier", "tin")})})
    made = chooser(Route(balance=BalancePolicy(method=method)), known, "create", SOURCE, zone, subsets)
    chosen = {getattr(made.choose(request(subset="gold", key=str(key)), 0.0), "id", "") for key in range(60)}
    assert chosen == {"b", "c"}
    with pytest.raises(NoResponders, match="no instance of subset nobody is known"):
        made.choose(request(subset="nobody"), 0.0)


@pytest.mark.parametrize("method", ["least_latency", "round_robin", "hash"])
def test_the_own_zone_goes_first_by_every_method(method: Method) -> None:
    known = service("abc")
    for name, each in known.instances.items():
        each.zone = "x" if name != "a" else "y"
    made = chooser(Route(balance=BalancePolicy(method=method)), known, "create", SOURCE, "x")
    assert {getattr(made.choose(request(key=str(key)), 0.0), "id", "") for key in range(60)} == {"b", "c"}
