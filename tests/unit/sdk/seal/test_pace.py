"""How many new sessions one credential may begin."""

from __future__ import annotations

from crossply.seal.pace import Pace


def test_a_hundred_at_once_and_then_a_hundred_a_second() -> None:
    pace = Pace()
    assert [pace.allow(b"a", 0) for _ in range(101)] == [True] * 100 + [False]
    assert [pace.allow(b"a", 10), pace.allow(b"a", 10)] == [True, False]
    assert sum(pace.allow(b"a", 1010) for _ in range(200)) == 100


def test_one_that_begins_too_many_takes_nothing_from_another() -> None:
    pace = Pace(rate=1)
    assert [pace.allow(b"a", 0), pace.allow(b"a", 0), pace.allow(b"b", 0)] == [True, False, True]


def test_a_clock_that_steps_back_gives_nothing_and_takes_nothing() -> None:
    pace = Pace(rate=1)
    assert [pace.allow(b"a", 5000), pace.allow(b"a", 0), pace.allow(b"a", 1000)] == [True, False, True]


def test_it_is_bounded_and_forgets_the_longest_unused_first() -> None:
    pace = Pace(rate=1, limit=2)
    for key in (b"a", b"b", b"a", b"c"):
        pace.allow(key, 0)
    assert [pace.allow(b"a", 0), pace.allow(b"b", 0)] == [False, True]
