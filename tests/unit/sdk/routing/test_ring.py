"""Choosing by key: few keys move, and nobody gets too much."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossply.routing.instances import Instance
from crossply.routing.picker import LeastLatency
from crossply.routing.ring import LOAD, ByKey, capacity
from crossply.routing.warmth import Warmth
from crossply.testing import chance
from crossply_policy.protection import WarmupPolicy
from tests.unit.sdk.stage import instance, request

KEYS = [f"customer-{number}" for number in range(5000)]


def by_key() -> ByKey:
    source = chance(3)
    return ByKey(LeastLatency(source, Warmth(WarmupPolicy(), source)))


def many(count: int) -> list[Instance]:
    return [instance(f"instance{number}", "create") for number in range(count)]


def placed(picker: ByKey, instances: list[Instance]) -> dict[str, str]:
    return {key: picker.pick(instances, request(key=key), 0.0).id for key in KEYS}


@settings(max_examples=25, deadline=None)
@given(st.sets(st.from_regex(r"[a-z2-7]{12}", fullmatch=True), min_size=2, max_size=64), st.data())
def test_when_one_leaves_at_most_two_nths_of_the_keys_move_and_only_its_own(
    names: set[str], draw: st.DataObject
) -> None:
    instances = [instance(name, "create") for name in sorted(names)]
    gone = draw.draw(st.sampled_from(instances))
    before, after = placed(by_key(), instances), placed(by_key(), [each for each in instances if each is not gone])
    moved = [key for key in KEYS if before[key] != after[key]]
    assert len(moved) <= 2 / len(instances) * len(KEYS)
    assert {before[key] for key in moved} <= {gone.id}
    assert moved or len(instances) > 2


@pytest.mark.parametrize("count", [3, 10])
def test_when_one_joins_keys_only_move_to_it(count: int) -> None:
    instances = many(count + 1)
    before, after = placed(by_key(), instances[:count]), placed(by_key(), instances)
    assert {after[key] for key in KEYS if before[key] != after[key]} == {instances[count].id}


def test_all_callers_send_a_key_to_the_same_instance_in_whatever_order_they_know_them() -> None:
    instances = many(7)
    assert placed(by_key(), instances) == placed(by_key(), list(reversed(instances)))


def test_everybody_has_some_keys() -> None:
    counts = Counter(placed(by_key(), many(10)).values())
    assert len(counts) == 10
    assert min(counts.values()) > len(KEYS) / 40


@pytest.mark.parametrize("count", [2, 5, 20])
@pytest.mark.parametrize("keys", [1, 10, 5000])
def test_nobody_gets_more_than_its_bound_whatever_the_keys(count: int, keys: int) -> None:
    instances, picker, source = many(count), by_key(), chance(5)
    for number in range(600):
        key = KEYS[int(source.random() * keys)]
        picked = picker.pick(instances, request(key=key), 0.0)
        picked.in_flight += 1
        total = sum(each.in_flight for each in instances)
        assert picked.in_flight <= max(1.0, LOAD * total / count + 1)
        if number % 3 == 2:
            busiest = max(instances, key=lambda each: each.in_flight)
            busiest.in_flight -= 1


def test_the_bound_is_a_quarter_above_the_mean() -> None:
    instances = many(4)
    assert capacity(instances) == 1
    for each in instances:
        each.in_flight = 8
    assert capacity(instances) == 11


def test_another_attempt_goes_to_the_next_instance_on_the_ring() -> None:
    instances, picker = many(5), by_key()
    first = picker.pick(instances, request(key="a"), 0.0).id
    second = picker.pick(instances, request(key="a", tried=(first,)), 0.0).id
    assert second != first
    without = [each for each in instances if each.id != first]
    assert second == by_key().pick(without, request(key="a"), 0.0).id


def test_when_all_were_tried_the_key_goes_home() -> None:
    instances = many(2)
    home = by_key().pick(instances, request(key="a"), 0.0).id
    tried = tuple(each.id for each in instances)
    assert by_key().pick(instances, request(key="a", tried=tried), 0.0).id == home


def test_calls_without_a_key_go_by_latency() -> None:
    instances = many(2)
    for each, latency in zip(instances, (0.5, 0.005), strict=True):
        each.latency = latency
    assert {by_key().pick(instances, request(), 0.0).id for _ in range(20)} == {"instance1"}
