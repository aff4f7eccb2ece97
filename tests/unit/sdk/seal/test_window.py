"""Each sequence is accepted once, the newest 1,024 in any order."""

from __future__ import annotations

import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossply.seal.window import SIZE, ReplayWindow


@given(st.lists(st.integers(0, 4 * SIZE), max_size=200))
def test_it_accepts_what_a_set_of_the_newest_would_accept(sequences: list[int]) -> None:
    window, seen = ReplayWindow(0), set[int]()
    for sequence in sequences:
        expected = sequence not in seen and sequence > max(seen, default=-1) - SIZE
        assert window.accept(sequence, 0) == expected
        seen.add(sequence) if expected else None


def test_the_oldest_that_still_counts_is_1023_behind_the_newest() -> None:
    window = ReplayWindow(0)
    assert window.accept(SIZE, 0)
    assert window.accept(1, 0)
    assert not window.accept(0, 0)


@pytest.mark.parametrize("ahead", [2, 500, SIZE - 1, SIZE, SIZE + 1, 5 * SIZE + 7])
def test_what_is_skipped_may_come_later_though_its_place_was_taken_before(ahead: int) -> None:
    window = ReplayWindow(0)
    for sequence in range(3 * SIZE - 100):
        assert window.accept(sequence, 0)
    newest = 3 * SIZE - 101 + ahead
    assert window.accept(newest, 0)
    skipped = range(max(newest - SIZE, 3 * SIZE - 101) + 1, newest)
    assert all(window.accept(sequence, 0) for sequence in skipped)
    assert not any(window.accept(sequence, 0) for sequence in range(newest + 1))


def test_a_jump_by_millions_takes_no_more_room() -> None:
    window = ReplayWindow(0)
    tracemalloc.start()
    try:
        assert window.accept((1 << 24) - 1, 0)
        assert not window.accept(0, 0)
        assert tracemalloc.get_traced_memory()[1] < 16 * SIZE
    finally:
        tracemalloc.stop()


def test_of_many_threads_one_is_told_that_a_sequence_is_new() -> None:
    window, told = ReplayWindow(0), list[int]()

    def accept() -> None:
        told.extend(sequence for sequence in range(2000) if window.accept(sequence, 0))

    threads = [threading.Thread(target=accept) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(told) == len(set(told))


def test_it_expires_only_when_all_it_accepted_is_older_and_then_accepts_nothing() -> None:
    window = ReplayWindow(10)
    assert window.accept(0, 50)
    assert window.accept(1, 20)
    assert not window.expire(50)
    assert window.accept(2, 20)
    assert window.expire(51)
    assert not any(window.accept(sequence, 99) for sequence in (0, 3, 1 << 24))
