"""Which keys there are at a time: one in force, the next ahead of its time, those before it while they may open."""

from __future__ import annotations

from itertools import count, pairwise

from crossply.keyring.contents import Key
from crossply.seal.epochs import OVERLAP
from crossply_registry.authority.keyring.life import MOST, Life, due, of_channels, of_services, replaced, turned
from tests.unit.registry.authority.standing import NOW

DAY = 86_400_000
START = int(NOW * 1000)
LIFE = of_services(86_400.0)


class Made:
    """Keys that can be told apart."""

    def __init__(self) -> None:
        self._next = count(1).__next__

    def __call__(self) -> bytes:
        return self._next().to_bytes(32, "big")


def first(make: Made) -> tuple[Key, ...]:
    found = turned((), START, LIFE, make)
    assert found is not None
    return found


def test_the_first_keys_are_one_for_now_and_one_for_the_next_epoch() -> None:
    assert [each.begins for each in first(Made())] == [START, START + DAY]


def test_nothing_is_made_while_the_next_one_has_not_begun() -> None:
    epochs = first(Made())
    assert turned(epochs, START + DAY - 1, LIFE, Made()) is None
    assert not due(epochs, START + DAY - 1, LIFE)
    assert due(epochs, START + DAY, LIFE)


def test_the_one_after_is_made_when_the_next_one_begins_a_whole_epoch_ahead() -> None:
    make = Made()
    epochs = first(make)
    after = turned(epochs, START + DAY, LIFE, make)
    assert after is not None
    assert after[:2] == epochs
    assert after[2].begins == START + 2 * DAY
    assert len({each.key for each in after}) == 3


def test_after_a_time_without_any_authority_the_next_one_still_begins_later_than_it_is_told() -> None:
    make = Made()
    late = START + 10 * DAY
    after = turned(first(make), late, LIFE, make)
    assert after is not None
    assert after[-1].begins == late + DAY // 4


def test_a_key_goes_once_its_successor_began_longer_ago_than_the_overlap() -> None:
    make = Made()
    epochs, now = first(make), START
    for _ in range(10):
        now += DAY
        epochs = turned(epochs, now, LIFE, make) or epochs
        for before, after in pairwise(epochs):
            assert after.begins + OVERLAP > now or before.begins >= now
    assert [each.begins - now for each in epochs] == [-DAY, 0, DAY]


def test_keys_of_channels_open_for_as_long_as_an_event_may_be_kept_and_seven_days() -> None:
    assert of_channels(86_400.0).overlap == 14 * DAY


def test_short_epochs_leave_no_more_keys_than_fit() -> None:
    make = Made()
    life = Life(1_000)
    epochs, now = turned((), START, life, make) or (), START
    for _ in range(MOST + 100):
        now += 1_000
        epochs = turned(epochs, now, Life(1_000, 10**9), make) or epochs
    assert len(epochs) <= MOST + 2


def test_what_is_replaced_leaves_nothing_that_was_known_to_seal_next() -> None:
    make = Made()
    epochs = first(make)
    after = replaced(epochs, START + 1_000, LIFE, make)
    assert after[0] == epochs[0]
    assert epochs[1] not in after
    assert [each.begins - START for each in after[1:]] == [3_000, 3_000 + DAY]
    assert not {each.key for each in epochs} & {each.key for each in after[1:]}


def shortened(epochs: tuple[Key, ...], at: int, length: int) -> tuple[Key, ...]:
    """Return the epochs once a key seals for so long."""
    life = Life(length)
    assert due(epochs, at, life)
    found = turned(epochs, at, life, no_key)
    assert found is not None
    assert turned(found, at, life, no_key) is None
    assert not due(found, at, life)
    return found


def no_key() -> bytes:
    raise AssertionError("the key to come is the one that was made before")


def test_where_keys_seal_for_less_time_the_next_one_begins_earlier() -> None:
    epochs = first(Made())
    after = shortened(epochs, START + DAY // 24, DAY // 4)
    assert after == (epochs[0], Key(START + DAY // 4, epochs[1].key))


def test_where_that_time_is_over_already_it_begins_as_soon_as_everybody_has_heard_of_it() -> None:
    epochs, now = first(Made()), START + DAY // 2
    after = shortened(epochs, now, DAY // 24)
    assert after == (epochs[0], Key(now + DAY // 96, epochs[1].key))


def test_where_keys_seal_for_longer_the_next_one_begins_as_it_was_told_and_lasts_longer() -> None:
    make = Made()
    epochs, longer = first(make), Life(7 * DAY)
    assert turned(epochs, START + DAY // 2, longer, make) is None
    after = turned(epochs, START + DAY, longer, make)
    assert after is not None
    assert [each.begins for each in after] == [START, START + DAY, START + 8 * DAY]


def test_a_replica_whose_clock_lags_leaves_epochs_as_they_are() -> None:
    make = Made()
    late = START + 10 * DAY
    for epochs in (first(make), turned(first(make), late, LIFE, make), replaced(first(make), START, LIFE, make)):
        assert epochs is not None
        lagging = (START if epochs[-1].begins < late else late) - 60_000
        assert turned(epochs, lagging, LIFE, make) is None
        assert not due(epochs, lagging, LIFE)
