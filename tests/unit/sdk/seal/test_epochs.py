"""Which key seals, and which still open, while one epoch follows another."""

from __future__ import annotations

import pytest

from crossply.seal.epochs import EARLY, OVERLAP, SPREAD, Epoch, Epochs

DAY = 86_400_000
KEYS = [Epoch(0, b"kid-0000", "first"), Epoch(DAY, b"kid-0001", "second"), Epoch(2 * DAY, b"kid-0002", "third")]


def test_the_newest_that_has_begun_seals() -> None:
    epochs = Epochs(KEYS[::-1])
    assert [epochs.sealing(now).key for now in (5, DAY - 1, DAY, 2 * DAY + 7)] == ["first", "first", "second", "third"]


def test_a_sender_changes_over_after_its_own_delay() -> None:
    epochs = Epochs(KEYS, lag=SPREAD)
    assert epochs.sealing(DAY + SPREAD - 1).key == "first"
    assert epochs.sealing(DAY + SPREAD).key == "second"


def test_before_any_has_begun_the_first_seals() -> None:
    assert Epochs([Epoch(DAY, b"kid-0001", "only")]).sealing(0).key == "only"


def test_a_key_opens_until_the_overlap_with_its_successor_is_over() -> None:
    epochs = Epochs(KEYS)
    assert epochs.opening(b"kid-0000", DAY + OVERLAP - 1) == "first"
    assert epochs.opening(b"kid-0000", DAY + OVERLAP) is None
    assert epochs.opening(b"kid-0002", 99 * DAY) == "third"


def test_a_key_opens_a_little_before_it_begins_as_clocks_differ() -> None:
    epochs = Epochs(KEYS)
    assert epochs.opening(b"kid-0001", DAY - EARLY) == "second"
    assert epochs.opening(b"kid-0001", DAY - EARLY - 1) is None


def test_every_sender_finds_every_receiver_open_at_each_moment_of_a_change() -> None:
    receivers = Epochs(KEYS)
    for now in range(DAY - 2 * SPREAD, DAY + 2 * SPREAD, 500):
        for lag in (0, 30_000, SPREAD):
            sealed = Epochs(KEYS, lag=lag).sealing(now)
            assert receivers.opening(sealed.kid, now + 5_000) == sealed.key


def test_an_id_that_is_not_known_opens_nothing() -> None:
    assert Epochs(KEYS).opening(b"kid-9999", 0) is None


def test_no_epoch_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="no epoch"):
        Epochs[str]([])
