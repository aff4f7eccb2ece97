"""Who is ejected, for how long, and how one comes back."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from crossply.handler import Request
from crossply.routing.instances import Callee, Instance
from crossply.routing.outliers import LONGEST, Outliers
from crossply.testing import JumpingClock
from crossply_policy.protection import OutlierPolicy
from tests.unit.sdk.stage import callee, instance, request

POLICY = OutlierPolicy(enabled=True)


class Stand:
    """A service whose instances fail or work as a test says."""

    def __init__(self, count: int, policy: OutlierPolicy = POLICY) -> None:
        self.clock = JumpingClock()
        self.told: list[tuple[str, float]] = []
        self.instances = [instance(f"i{number}", "create") for number in range(count)]
        self.callee: Callee = callee(*self.instances)
        self.outliers = Outliers(policy, self.callee, self.clock, lambda name, length: self.told.append((name, length)))

    def fail(self, name: str, times: int = 1) -> None:
        for _ in range(times):
            self.outliers.failed(request(instance=name))

    def works(self, name: str) -> None:
        self.outliers.succeeded(request(instance=name))

    def out(self) -> set[str]:
        return {each.id for each in self.instances if self.outliers.ejected(each.id)}

    def probe(self, made: Request) -> Instance | None:
        if self.clock() < self.outliers.due:
            return None
        found = self.outliers.probe(self.instances, made, self.clock())
        if found is not None:
            made.instance = found.id
        return found


def test_five_failures_in_a_row_eject() -> None:
    stand = Stand(3)
    stand.fail("i0", 4)
    stand.works("i0")
    stand.fail("i0", 4)
    assert stand.out() == set()
    stand.fail("i0")
    assert stand.out() == {"i0"}
    assert stand.told == [("i0", 5.0)]


def test_nothing_is_probed_before_its_time_and_only_one_call_then() -> None:
    stand = Stand(3)
    stand.fail("i0", 5)
    stand.clock.advance(4.999)
    assert stand.probe(request()) is None
    stand.clock.advance(0.001)
    first = stand.probe(request())
    assert first is not None
    assert first.id == "i0"
    assert stand.outliers.due == math.inf
    assert stand.probe(request()) is None


def test_a_probe_that_works_brings_the_instance_back() -> None:
    stand, made = Stand(3), request()
    stand.fail("i0", 5)
    stand.clock.advance(5.0)
    stand.probe(made)
    stand.outliers.succeeded(made)
    assert stand.out() == set()
    assert stand.told[-1] == ("i0", 0.0)


def test_a_probe_that_fails_ejects_for_longer() -> None:
    stand = Stand(3)
    stand.fail("i0", 5)
    for number in range(2, 5):
        stand.clock.advance(5.0 * number)
        made = request()
        assert stand.probe(made)
        stand.outliers.failed(made)
    assert [length for _, length in stand.told] == [5.0, 10.0, 15.0, 20.0]


def test_an_ejection_has_a_longest_length() -> None:
    stand = Stand(2, OutlierPolicy(enabled=True, base=200.0))
    stand.fail("i0", 5)
    stand.clock.advance(200.0)
    made = request()
    stand.probe(made)
    stand.outliers.failed(made)
    assert stand.told[-1] == ("i0", LONGEST)


def test_being_well_for_a_while_is_forgiven() -> None:
    stand, made = Stand(3), request()
    stand.fail("i0", 5)
    stand.clock.advance(5.0)
    stand.probe(made)
    stand.outliers.succeeded(made)
    stand.clock.advance(5.0)
    stand.fail("i0", 5)
    assert stand.told[-1] == ("i0", 5.0)


def test_a_probe_that_says_nothing_leaves_its_place_to_another_call() -> None:
    stand, made = Stand(3), request()
    stand.fail("i0", 5)
    stand.clock.advance(5.0)
    stand.probe(made)
    stand.outliers.gave_up(made)
    assert stand.probe(request()) is not None


def test_what_an_attempt_from_before_ends_as_does_not_count_for_the_probe() -> None:
    stand = Stand(3)
    stand.fail("i0", 5)
    stand.clock.advance(5.0)
    stand.probe(request())
    stand.works("i0")
    stand.fail("i0")
    assert stand.out() == {"i0"}
    assert len(stand.told) == 1


def test_an_instance_that_an_attempt_was_sent_to_is_not_probed_by_the_next_one() -> None:
    stand = Stand(3)
    stand.fail("i0", 5)
    stand.clock.advance(5.0)
    assert stand.probe(request(tried=("i0",))) is None


def test_one_that_answers_no_ping_is_not_probed() -> None:
    stand = Stand(3)
    stand.fail("i0", 5)
    stand.instances[0].suspect = True
    stand.clock.advance(5.0)
    assert stand.probe(request()) is None


def test_at_most_half_are_ejected_and_a_suspect_is_no_reserve() -> None:
    stand = Stand(4)
    for name in ("i0", "i1", "i2"):
        stand.fail(name, 5)
    assert stand.out() == {"i0", "i1"}
    other = Stand(2)
    other.instances[1].suspect = True
    other.fail("i0", 5)
    assert other.out() == set()


def test_the_only_one_is_never_ejected() -> None:
    stand = Stand(1, OutlierPolicy(enabled=True, share=1.0))
    stand.fail("i0", 50)
    assert stand.out() == set()


def test_attempts_in_the_queue_group_eject_nobody() -> None:
    stand = Stand(2)
    for _ in range(50):
        stand.outliers.failed(request())
    assert stand.outliers.watched == {}


def test_an_instance_that_left_is_forgotten() -> None:
    stand = Stand(3)
    stand.fail("i0", 5)
    stand.callee.remove("i0")
    stand.clock.advance(5.0)
    assert stand.outliers.probe(stand.instances[1:], request(), stand.clock()) is None
    assert stand.outliers.watched == {}
    assert stand.outliers.due == math.inf


@settings(max_examples=200, deadline=None)
@given(
    count=st.integers(1, 9),
    share=st.sampled_from([0.1, 0.5, 1.0]),
    events=st.lists(st.tuples(st.integers(0, 8), st.sampled_from(["fail", "work", "give up", "wait"])), max_size=200),
)
def test_whatever_happens_the_share_holds_and_somebody_is_left(
    count: int, share: float, events: list[tuple[int, str]]
) -> None:
    stand = Stand(count, OutlierPolicy(enabled=True, share=share, failures=2))
    for number, what in events:
        made = request()
        if stand.probe(made) is None:
            well = [each.id for each in stand.instances if each.id not in stand.out()]
            made.instance = well[number % len(well)]
        if what == "fail":
            stand.outliers.failed(made)
        elif what == "work":
            stand.outliers.succeeded(made)
        else:
            stand.outliers.gave_up(made)
            stand.clock.advance(3.0 * number)
        assert len(stand.out()) <= share * count
        assert len(stand.out()) < count


def test_instances_that_fail_and_leave_are_forgotten_though_nobody_is_ever_ejected() -> None:
    stand = Stand(2)
    for number in range(100):
        gone = instance(f"gone-{number}", "create")
        stand.callee.add(gone)
        stand.fail(gone.id)
        stand.callee.remove(gone.id)
    stand.fail("i0")
    assert set(stand.outliers.watched) == {"i0"}
