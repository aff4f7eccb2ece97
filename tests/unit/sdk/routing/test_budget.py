"""The retry budget."""

from __future__ import annotations

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
