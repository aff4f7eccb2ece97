"""The retry budget."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from crossply.routing.budget import RetryBudget
from crossply.testing import JumpingClock
from crossply_policy.documents import BudgetPolicy


def taken(budget: RetryBudget, most: int = 10_000) -> int:
    """Return how many attempts a budget gives until it refuses."""
    return next(number for number in range(most) if not budget.withdraw())


def test_those_who_call_rarely_have_the_floor() -> None:
    assert taken(RetryBudget(BudgetPolicy(), JumpingClock())) == 100


def test_a_share_of_the_calls_is_added() -> None:
    budget = RetryBudget(BudgetPolicy(floor=0.0), JumpingClock())
    for _ in range(1000):
        budget.deposit()
    assert taken(budget) == 200


def test_calls_count_for_the_window_and_no_longer() -> None:
    clock = JumpingClock(1000.0)
    budget = RetryBudget(BudgetPolicy(floor=0.0), clock)
    for _ in range(100):
        budget.deposit()
    clock.advance(9.9)
    assert budget.withdraw()
    clock.advance(0.2)
    assert not budget.withdraw()


def test_a_withdrawal_is_given_back_after_the_window() -> None:
    clock = JumpingClock(1000.0)
    budget = RetryBudget(BudgetPolicy(ratio=0.0, floor=1.0, window=10.0), clock)
    assert taken(budget) == 10
    clock.advance(11.0)
    assert taken(budget) == 10


def test_after_a_long_silence_nothing_is_left_of_what_was() -> None:
    clock = JumpingClock(1000.0)
    budget = RetryBudget(BudgetPolicy(floor=0.0), clock)
    for _ in range(1000):
        budget.deposit()
    clock.advance(100_000.0)
    assert not budget.withdraw()


def test_a_budget_of_nothing_gives_nothing() -> None:
    budget = RetryBudget(BudgetPolicy(ratio=0.0, floor=0.0), JumpingClock())
    budget.deposit()
    assert not budget.withdraw()


@settings(max_examples=100, deadline=None)
@given(
    ratio=st.sampled_from([0.0, 0.1, 0.2, 1.0]),
    floor=st.sampled_from([0.0, 1.0, 10.0]),
    bursts=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 60), st.floats(0.0, 8.0)), max_size=20),
)
def test_the_budget_holds_in_every_window_whatever_fails(
    ratio: float, floor: float, bursts: list[tuple[int, int, float]]
) -> None:
    policy, clock = BudgetPolicy(ratio=ratio, floor=floor), JumpingClock()
    budget, calls, further = RetryBudget(policy, clock), list[float](), list[float]()
    for calling, failing, pause in bursts:
        for number in range(max(calling, failing)):
            if number < calling:
                budget.deposit()
                calls.append(clock())
            if number < failing and budget.withdraw():
                further.append(clock())
                lately = sum(at > clock() - policy.window for at in further)
                allowed = ratio * sum(at > clock() - policy.window for at in calls) + floor * policy.window
                assert lately <= allowed + 1e-9
        clock.advance(pause)
