"""A breaker: closed, open, half open; as stories, and as a machine that any sequence of events is put to."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
)

from crossply.routing.breaker import REFUSED, Breaker, Standing
from crossply.testing import JumpingClock
from crossply_policy.protection import BreakerPolicy

POLICY = BreakerPolicy(enabled=True)


def made(policy: BreakerPolicy = POLICY) -> tuple[Breaker, JumpingClock, list[Standing]]:
    """Return a breaker, its clock, and the list of what it reports."""
    clock, told = JumpingClock(), list[Standing]()
    return Breaker(policy, clock, lambda breaker: told.append(breaker.standing)), clock, told


def attempts(breaker: Breaker, *, good: int = 0, bad: int = 0) -> None:
    """Let attempts begin and end."""
    for _ in range(good):
        breaker.succeeded(breaker.enter())
    for _ in range(bad):
        breaker.failed(breaker.enter())


def opened() -> tuple[Breaker, JumpingClock, list[Standing]]:
    breaker, clock, told = made()
    attempts(breaker, bad=POLICY.calls)
    return breaker, clock, told


def test_too_few_attempts_open_nothing() -> None:
    breaker, _, told = made()
    attempts(breaker, bad=19)
    assert told == []
    attempts(breaker, bad=1)
    assert told == [Standing.OPEN]


def test_the_share_of_successes_decides() -> None:
    breaker, _, told = made()
    attempts(breaker, good=16, bad=4)
    assert told == []
    attempts(breaker, bad=1)
    assert told == [Standing.OPEN]


def test_what_was_long_ago_does_not_count() -> None:
    breaker, clock, _ = made()
    attempts(breaker, bad=19)
    clock.advance(POLICY.window)
    attempts(breaker, bad=19)
    assert breaker.closed


def test_an_open_breaker_refuses_for_its_pause() -> None:
    breaker, clock, _ = opened()
    assert breaker.enter() == REFUSED
    assert breaker.left() == POLICY.pause
    clock.advance(POLICY.pause - 0.001)
    assert breaker.enter() == REFUSED
    clock.advance(0.001)
    assert breaker.enter() != REFUSED


def test_half_open_one_then_three_attempts_go_through() -> None:
    breaker, clock, told = opened()
    clock.advance(POLICY.pause)
    first = breaker.enter()
    assert breaker.enter() == REFUSED
    breaker.succeeded(first)
    three = [breaker.enter() for _ in range(4)]
    assert three[3] == REFUSED
    for ticket in three[:3]:
        assert not breaker.closed
        breaker.succeeded(ticket)
    assert breaker.closed
    assert told == [Standing.OPEN, Standing.HALF_OPEN, Standing.CLOSED]


def test_a_trial_that_fails_opens_it_again_for_a_whole_pause() -> None:
    breaker, clock, _ = opened()
    clock.advance(POLICY.pause)
    breaker.failed(breaker.enter())
    assert breaker.standing is Standing.OPEN
    assert breaker.left() == POLICY.pause
    assert breaker.opened == 2


def test_one_of_three_trials_that_fails_opens_it_again() -> None:
    breaker, clock, _ = opened()
    clock.advance(POLICY.pause)
    breaker.succeeded(breaker.enter())
    tickets = [breaker.enter() for _ in range(3)]
    breaker.succeeded(tickets[0])
    breaker.failed(tickets[1])
    assert breaker.standing is Standing.OPEN
    breaker.succeeded(tickets[2])
    assert breaker.standing is Standing.OPEN


def test_a_trial_that_was_given_up_leaves_its_place_to_another() -> None:
    breaker, clock, _ = opened()
    clock.advance(POLICY.pause)
    breaker.gave_up(breaker.enter())
    assert breaker.enter() != REFUSED


def test_an_attempt_from_before_it_opened_says_nothing_of_after() -> None:
    breaker, clock, _ = made()
    old = breaker.enter()
    attempts(breaker, bad=POLICY.calls)
    clock.advance(POLICY.pause)
    trial = breaker.enter()
    breaker.succeeded(old)
    breaker.failed(old)
    assert breaker.standing is Standing.HALF_OPEN
    breaker.succeeded(trial)
    assert breaker.standing is Standing.HALF_OPEN


def test_a_breaker_that_closed_begins_to_count_anew() -> None:
    breaker, clock, _ = opened()
    clock.advance(POLICY.pause)
    attempts(breaker, good=4)
    assert breaker.closed
    attempts(breaker, bad=POLICY.calls - 1)
    assert breaker.closed


class Life(RuleBasedStateMachine):
    """Attempts begin, end and overlap as they like, and time passes."""

    running = Bundle("running")

    def __init__(self) -> None:
        super().__init__()
        self.policy = BreakerPolicy(enabled=True, calls=5, window=10.0, pause=5.0)
        self.breaker, self.clock, self.told = made(self.policy)
        self.opened_at = -1e9

    @rule(target=running)
    def begin(self) -> MultipleResults[int] | int:
        standing = self.breaker.standing
        ticket = self.breaker.enter()
        if standing is Standing.OPEN and self.clock() < self.opened_at + self.policy.pause:
            assert ticket == REFUSED
        if standing is Standing.CLOSED:
            assert ticket != REFUSED
        return multiple(*list[int]()) if ticket == REFUSED else ticket

    @rule(ticket=consumes(running), good=st.sampled_from([True, False, None]))
    def end(self, ticket: int, good: bool | None) -> None:
        before, current = self.breaker.standing, self.breaker.ticket
        outcomes = self.breaker.outcomes.good, self.breaker.outcomes.bad
        if good is None:
            self.breaker.gave_up(ticket)
        elif good:
            self.breaker.succeeded(ticket)
        else:
            self.breaker.failed(ticket)
        if ticket != current:
            assert (self.breaker.standing, self.breaker.ticket) == (before, current)
            assert outcomes == (self.breaker.outcomes.good, self.breaker.outcomes.bad)
        if before is not Standing.OPEN and self.breaker.standing is Standing.OPEN:
            assert good is False
            self.opened_at = self.clock()
        if before is Standing.HALF_OPEN and ticket == current and good is False:
            assert self.breaker.standing is Standing.OPEN
        if before is Standing.HALF_OPEN and self.breaker.closed:
            assert good is True

    @rule(seconds=st.floats(0.0, 6.0))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.breaker.closed)
    @rule(count=st.integers(1, 8))
    def fail_often(self, count: int) -> None:
        for _ in range(count):
            if self.breaker.closed:
                self.breaker.failed(self.breaker.enter())
        if not self.breaker.closed:
            self.opened_at = self.clock()

    @invariant()
    def what_is_told_is_what_is(self) -> None:
        assert (self.told or [Standing.CLOSED])[-1] is self.breaker.standing
        assert all(one is not other for one, other in zip(self.told, self.told[1:], strict=False))

    @invariant()
    def counts_are_never_negative(self) -> None:
        assert self.breaker.outcomes.good >= 0
        assert self.breaker.outcomes.bad >= 0


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
