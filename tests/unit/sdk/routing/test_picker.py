"""Choosing the cheaper of two."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter

import pytest

from crossply.routing.instances import Instance
from crossply.routing.picker import DECAY, LeastLatency, cost, observe
from crossply.routing.warmth import Warmth
from crossply.testing import chance
from crossply_policy.protection import WarmupPolicy
from tests.unit.sdk.stage import instance, request

ANY = request()


def least_latency(seed: int, warmup: WarmupPolicy | None = None) -> LeastLatency:
    """Return a picker whose chance is repeatable."""
    source = chance(seed)
    return LeastLatency(source, Warmth(warmup or WarmupPolicy(), source))


def measured(name: str, latency: float, *, at: float = 0.0, in_flight: int = 0) -> Instance:
    """Return an instance with a latency in seconds."""
    made = instance(name, "create")
    made.latency, made.measured, made.in_flight = latency, at, in_flight
    return made


def test_the_only_instance_is_chosen() -> None:
    only = measured("a", 1.0)
    assert least_latency(1).pick([only], ANY, 0.0) is only


def test_of_two_the_quicker_is_chosen() -> None:
    quick, slow = measured("a", 0.005), measured("b", 0.050)
    picker = least_latency(1)
    assert all(picker.pick([slow, quick], ANY, 0.0) is quick for _ in range(50))


def test_of_two_that_are_as_quick_the_idler_is_chosen() -> None:
    busy, idle = measured("a", 0.005, in_flight=3), measured("b", 0.005)
    picker = least_latency(1)
    assert all(picker.pick([busy, idle], ANY, 0.0) is idle for _ in range(50))


def test_instances_that_were_never_measured_share_the_calls() -> None:
    instances = [measured(name, 0.0) for name in "abcd"]
    picker = least_latency(1)
    counts = Counter(picker.pick(instances, ANY, 0.0).id for _ in range(4000))
    # The first of two equals is taken, and which is first is chance.
    assert all(800 < counts[name] < 1200 for name in "abcd")


def test_a_peak_counts_at_once() -> None:
    one = measured("a", 0.005)
    observe(one, 1.0, 1.0)
    assert one.latency == 1.0


def test_a_peak_is_forgotten_slowly() -> None:
    one = measured("a", 1.0, at=0.0)
    observe(one, 0.0, 1.0)
    assert one.latency == pytest.approx(0.905, abs=0.001)
    observe(one, 0.0, 1.0 + 3 * DECAY)
    assert one.latency < 0.05


def test_an_instance_that_was_slow_once_is_tried_again_in_time() -> None:
    slow, quick = measured("a", 1.0), measured("b", 0.005)
    assert cost(slow, 0.0) > cost(quick, 0.0)
    assert cost(slow, 10 * DECAY) <= cost(measured("b", 0.005, at=10 * DECAY), 10 * DECAY)


def simulated(latencies: dict[str, float], *, calls: int, seed: int, every: float) -> Counter[str]:
    """Send a call ``every`` so many seconds and return how many each instance got."""
    instances = [measured(name, 0.0) for name in latencies]
    picker, counts = least_latency(seed), Counter[str]()
    running: list[tuple[float, int, Instance, float]] = []
    order = itertools.count()
    for number in range(calls):
        now = number * every
        while running and running[0][0] <= now:
            ended, _, done, began = heapq.heappop(running)
            done.in_flight -= 1
            observe(done, ended - began, ended)
        picked = picker.pick(instances, ANY, now)
        counts[picked.id] += 1
        picked.in_flight += 1
        heapq.heappush(running, (now + latencies[picked.id], next(order), picked, now))
    return counts


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("every", [0.1, 0.01, 0.002])
def test_a_slow_instance_gets_few_of_the_calls(seed: int, every: float) -> None:
    counts = simulated({"a": 0.005, "b": 0.005, "c": 0.050}, calls=5000, seed=seed, every=every)
    assert counts["c"] <= 0.15 * 5000
    assert counts["c"] > 0, "one that is never tried is never found to be well again"
    assert counts["a"] == pytest.approx(counts["b"], rel=0.25)
