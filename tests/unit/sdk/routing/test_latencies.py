"""What 95 of 100 attempts stay below."""

from __future__ import annotations

import pytest

from crossply.routing.latencies import Latencies
from crossply.testing import chance


def test_nothing_is_said_before_twenty_attempts() -> None:
    latencies = Latencies()
    for _ in range(19):
        latencies.add(0.01)
    assert latencies.p95 is None
    latencies.add(0.01)
    assert latencies.p95 == pytest.approx(0.01, rel=0.15)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 100.0])
def test_the_percentile_is_within_an_eighth(scale: float) -> None:
    latencies, source = Latencies(), chance(2)
    for _ in range(2000):
        latencies.add(scale * source.random())
    assert latencies.p95 == pytest.approx(0.95 * scale, rel=0.15)


def test_what_was_long_ago_fades() -> None:
    latencies = Latencies()
    for _ in range(1000):
        latencies.add(1.0)
    for _ in range(6000):
        latencies.add(0.01)
    assert latencies.p95 is not None
    assert latencies.p95 < 0.02


def test_an_attempt_that_was_given_up_counts_if_it_was_slow_already() -> None:
    latencies = Latencies()
    for _ in range(40):
        latencies.add(0.01)
    for _ in range(1000):
        latencies.at_least(0.001)
    assert latencies.p95 == pytest.approx(0.01, rel=0.15)
    for _ in range(200):
        latencies.at_least(0.5)
    assert latencies.p95 == pytest.approx(0.5, rel=0.15)


@pytest.mark.parametrize("seconds", [0.0, 1e-12, 1e9])
def test_no_duration_is_too_short_or_too_long(seconds: float) -> None:
    latencies = Latencies()
    for _ in range(20):
        latencies.add(seconds)
    assert latencies.p95 is not None
