"""Durations in buckets of equal relative width."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossply.telemetry.histogram import LAST, Histogram, quantile, upper


@given(st.floats(0.0, 1e6))
def test_a_duration_is_counted_in_the_bucket_it_lies_in(seconds: float) -> None:
    counted = Histogram()
    counted.add(seconds)
    [bucket] = [at for at, count in enumerate(counted.buckets) if count]
    assert (upper(bucket - 1) if bucket else 0.0) <= seconds < upper(bucket)
    assert counted.seconds == seconds


def test_a_bucket_is_an_eighth_of_its_octave() -> None:
    for bucket in range(1, LAST - 1):
        assert 1.06 < upper(bucket) / upper(bucket - 1) <= 1.126


def test_a_quantile_is_off_by_less_than_the_width_of_a_bucket() -> None:
    chance = random.Random(7)
    durations = sorted(chance.lognormvariate(-5, 1.5) for _ in range(5000))
    counted = Histogram()
    for each in durations:
        counted.add(each)
    for share in (0.5, 0.95, 0.99):
        found = quantile(enumerate(counted.buckets), share)
        assert found == pytest.approx(durations[int(share * 5000) - 1], rel=0.13)


def test_of_nothing_there_is_no_quantile_and_of_what_takes_for_ever_a_floor() -> None:
    assert quantile([], 0.5) is None
    assert quantile([(LAST, 3)], 0.5) == 64.0


def test_merging_counts_what_both_counted() -> None:
    one, both = Histogram(), Histogram()
    one.add(0.25)
    both.add(0.25)
    both.add(2.0)
    one.merge({at: count for at, count in enumerate(both.buckets) if count}, both.seconds)
    assert (one.count, one.seconds) == (3, 2.5)
