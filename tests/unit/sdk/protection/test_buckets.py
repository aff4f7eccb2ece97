"""Token buckets: the rate holds in the long run, the burst at once, and shares that move make no tokens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossply.protection.buckets import Buckets
from crossply.testing import JumpingClock
from crossply_policy.rate_limit import RateLimitPolicy, Target


def limit(rate: float = 10.0, burst: float = 5.0) -> RateLimitPolicy:
    return RateLimitPolicy(name="quota", target=Target(service="orders"), rate=rate, burst=burst)


def taken(buckets: Buckets, key: str, times: int) -> int:
    return sum(1 for _ in range(times) if not buckets.take(key))


def test_as_many_as_the_burst_pass_at_once_and_the_rest_is_told_when_to_come_back() -> None:
    clock = JumpingClock()
    buckets = Buckets(limit(), clock)
    assert taken(buckets, "web", 100) == 5
    assert buckets.take("web") == pytest.approx(0.1)


def test_who_comes_back_when_told_to_is_let_through() -> None:
    clock = JumpingClock()
    buckets = Buckets(limit(rate=3.0, burst=1.0), clock)
    assert not buckets.take("web")
    for _ in range(1000):
        clock.advance(buckets.take("web"))
        assert not buckets.take("web")


def test_in_the_long_run_it_is_the_rate() -> None:
    clock = JumpingClock()
    buckets = Buckets(limit(rate=7.0, burst=3.0), clock)
    passed = 0
    for _ in range(10_000):
        clock.advance(0.01)
        passed += not buckets.take("web")
    assert 700 <= passed <= 703


def test_a_bucket_that_is_not_used_fills_up_and_no_further() -> None:
    clock = JumpingClock()
    buckets = Buckets(limit(), clock)
    taken(buckets, "web", 5)
    clock.advance(0.25)
    assert buckets.tokens("web") == pytest.approx(2.5)
    clock.advance(1000.0)
    assert taken(buckets, "web", 100) == 5


def test_each_key_has_its_own_bucket() -> None:
    buckets = Buckets(limit(), JumpingClock())
    assert [taken(buckets, key, 10) for key in ("web", "app")] == [5, 5]


def test_the_table_is_bounded_and_forgets_what_is_full_again_first() -> None:
    clock = JumpingClock()
    buckets = Buckets(limit(), clock, most=10)
    buckets.take("idle")
    clock.advance(1.0)
    taken(buckets, "busy", 5)
    for number in range(8):
        buckets.take(f"other-{number}")
    buckets.take("new")
    assert len(buckets) == 10
    assert buckets.tokens("busy") == pytest.approx(0.0, abs=1e-9)


def test_any_number_of_keys_takes_no_more_room() -> None:
    buckets = Buckets(limit(), JumpingClock(), most=10)
    for number in range(1000):
        assert not buckets.take(f"key-{number}")
    assert len(buckets) == 10


def test_a_share_is_one_of_rate_and_burst() -> None:
    clock = JumpingClock()
    buckets = Buckets(limit(rate=100.0, burst=50.0), clock, share=0.2)
    assert taken(buckets, "web", 100) == 10
    clock.advance(1.0)
    assert buckets.tokens("web") == 10
    clock.advance(0.0)
    passed = 0
    for _ in range(1000):
        clock.advance(0.01)
        passed += not buckets.take("web")
    assert 200 <= passed <= 211


@pytest.mark.parametrize("key", ["used", "never-used"])
def test_a_larger_share_gives_no_tokens(key: str) -> None:
    clock = JumpingClock()
    buckets = Buckets(limit(rate=100.0, burst=50.0), clock, share=0.2)
    taken(buckets, "used", 4)
    before = buckets.tokens(key)
    buckets.share_out(1.0)
    assert buckets.tokens(key) == pytest.approx(before)
    clock.advance(0.1)
    assert buckets.tokens(key) == pytest.approx(before + 10)
    clock.advance(10.0)
    assert buckets.tokens(key) == pytest.approx(50)


def test_with_the_least_share_somebody_still_passes() -> None:
    buckets = Buckets(limit(rate=10.0, burst=2.0), JumpingClock())
    buckets.share_out(0.0)
    assert taken(buckets, "web", 10) == 1


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["take", "move"]), st.integers(0, 3), st.floats(0.0, 0.5)),
        min_size=50,
        max_size=300,
    )
)
def test_however_shares_move_all_together_keep_the_rate_and_the_burst(steps: list[tuple[str, int, float]]) -> None:
    clock, policy = JumpingClock(), limit(rate=200.0, burst=100.0)
    every = [Buckets(policy, clock, share=0.25) for _ in range(4)]
    passed, began = 0, clock()
    for step, which, length in steps:
        if step == "move":
            shares = [0.01] * 4
            shares[which] = 0.97
            # Those that give come first, as a coordinator has it.
            for place in sorted(range(4), key=lambda each: shares[each]):
                every[place].share_out(shares[place])
        else:
            passed += taken(every[which], "web", 300)
        clock.advance(length)
    # Shares that do not add up to one token have one all the same.
    assert passed <= 200.0 * (clock() - began) + 100.0 + 4
