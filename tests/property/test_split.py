"""A split's shares are its weights, whatever they are, and keys stay."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from crossply.routing.shares import Shares, Turns

CALLS = 10_000
weights = st.dictionaries(
    st.from_regex(r"v[0-9]{1,2}", fullmatch=True), st.integers(1, 100).map(float), min_size=1, max_size=5
)


def strayed(shares: Shares, said: dict[str, float], keys: list[str | None], start: float) -> dict[str, float]:
    """Return how far each subset's share of the calls is from its weight's."""
    turns, total = Turns(start), sum(said.values())
    found = Counter(shares.of(key, turns) for key in keys)
    return {subset: abs(found[subset] / len(keys) - weight / total) for subset, weight in said.items()}


@settings(max_examples=50, deadline=None)
@given(weights, st.floats(0.0, 1.0, exclude_max=True))
def test_calls_are_shared_by_weight_within_one_percentage_point(said: dict[str, float], start: float) -> None:
    assert max(strayed(Shares(said), said, [None] * CALLS, start).values()) <= 0.01


@settings(max_examples=10, deadline=None)
@given(weights, st.integers(0, 1000))
def test_keys_are_shared_by_weight_as_evenly_as_chance_would(said: dict[str, float], seed: int) -> None:
    keys: list[str | None] = [f"{seed}-{number}" for number in range(CALLS)]
    total = sum(said.values())
    for subset, by in strayed(Shares(said), said, keys, 0.0).items():
        share = said[subset] / total
        assert by <= max(0.01, 4.5 * math.sqrt(share * (1 - share) / CALLS))


@settings(max_examples=50, deadline=None)
@given(weights, st.floats(0.5, 200.0), st.data())
def test_keys_stay_and_a_changed_weight_moves_them_only_to_or_from_its_subset(
    said: dict[str, float], weight: float, draw: st.DataObject
) -> None:
    changed, turns = draw.draw(st.sampled_from(sorted(said))), Turns(0.0)
    before, same, after = Shares(said), Shares(said), Shares({**said, changed: weight})
    for number in range(300):
        key = f"customer-{number}"
        was, now = before.of(key, turns), after.of(key, turns)
        assert same.of(key, turns) == was
        assert was == now or changed in {was, now}
