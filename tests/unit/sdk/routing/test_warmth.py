"""How a new instance comes to its share."""

from __future__ import annotations

import math

import pytest

from crossply.routing.instances import Instance
from crossply.routing.picker import InTurn, LeastLatency, Picker
from crossply.routing.warmth import Warmth
from crossply.testing import chance
from crossply_policy.protection import WarmupPolicy
from tests.unit.sdk.stage import instance, request

CALLS = 20_000


def arrived(name: str, since: float = -math.inf) -> Instance:
    made = instance(name, "create")
    made.since = since
    return made


def warmth(policy: WarmupPolicy | None = None) -> Warmth:
    return Warmth(policy or WarmupPolicy(), chance(9))


def share(picker: Picker, instances: list[Instance], now: float) -> float:
    """Return the last instance's part of many calls."""
    return sum(picker.pick(instances, request(), now) is instances[-1] for _ in range(CALLS)) / CALLS


@pytest.mark.parametrize(
    ("age", "part"), [(0.0, 0.1), (2.5, 0.325), (5.0, 0.55), (7.5, 0.775), (10.0, 1.0), (99.0, 1.0)]
)
def test_warmth_grows_linearly_from_a_tenth_in_ten_seconds(age: float, part: float) -> None:
    assert warmth().of(arrived("a", since=50.0), 50.0 + age) == pytest.approx(part)


@pytest.mark.parametrize("age", [0.0, 2.0, 4.0, 6.0, 8.0, 10.0])
def test_the_share_of_calls_grows_as_warmth_does(age: float) -> None:
    instances = [arrived("a"), arrived("b"), arrived("c", since=100.0)]
    for each in instances:
        each.latency, each.measured = 0.005, 100.0 + age
    part = 0.1 + 0.09 * age
    full = share(LeastLatency(chance(4), warmth()), instances, 200.0)
    assert share(LeastLatency(chance(4), warmth()), instances, 100.0 + age) == pytest.approx(full * part, abs=0.02)
    # In turn, its weight beside the two others: what it passes on is the next one's.
    assert share(InTurn(chance(4), warmth()), instances, 100.0 + age) == pytest.approx(part / (2 + part), abs=0.02)


@pytest.mark.parametrize("age", [0.0, 5.0])
def test_where_all_are_as_new_nobody_is_passed_over(age: float) -> None:
    quick, slow = arrived("a", since=100.0), arrived("b", since=100.0)
    quick.latency, slow.latency = 0.005, 0.5
    quick.measured = slow.measured = 100.0
    assert share(LeastLatency(chance(1), warmth()), [quick, slow], 100.0 + age) == 0.0


def test_without_warm_up_a_new_one_has_its_share_at_once() -> None:
    instances = [arrived("a"), arrived("b", since=100.0)]
    picker = InTurn(chance(1), warmth(WarmupPolicy(floor=1.0)))
    assert share(picker, instances, 100.0) == 0.5


def test_the_only_one_gets_everything_however_new() -> None:
    assert share(LeastLatency(chance(1), warmth()), [arrived("a", since=100.0)], 100.0) == 1.0
    assert share(InTurn(chance(1), warmth()), [arrived("a", since=100.0)], 100.0) == 1.0
