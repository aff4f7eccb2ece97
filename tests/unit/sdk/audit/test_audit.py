"""Entries until they are taken, and their bytes."""

from __future__ import annotations

import msgspec
import pytest

from crossply.audit.audit import Audit
from crossply.audit.entry import MOST_ENTRIES, Batch, Entry, Outcome, decode, encode


def entry(number: int = 0, **said: object) -> Entry:
    return Entry(at=float(number), outcome=Outcome.DENIED, **said)  # type: ignore[arg-type]  # fields of an entry


def test_entries_are_taken_in_their_order_and_once() -> None:
    audit = Audit()
    for number in range(5):
        audit.tell(entry(number))
    assert [each.at for each in audit.take(3)] == [0, 1, 2]
    assert [each.at for each in audit.take(3)] == [3, 4]
    assert (audit.take(3), audit.dropped) == ([], 0)


def test_what_finds_no_room_is_counted_and_the_first_are_kept() -> None:
    audit = Audit(most=3)
    for number in range(10):
        audit.tell(entry(number))
    assert ([each.at for each in audit.take(10)], audit.dropped) == ([0, 1, 2], 7)


def test_a_batch_is_read_as_it_was_written() -> None:
    batch = Batch(entries=[entry(1, caller="web", operation="orders.create", rule="default")], dropped=3)
    assert decode(encode(batch)) == batch


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc1",
        msgspec.msgpack.encode({"entries": [{"at": 1.0, "outcome": "maybe"}]}),
        msgspec.msgpack.encode({"entries": [{"at": 1.0, "outcome": "denied", "caller": "a" * 513}]}),
        msgspec.msgpack.encode({"entries": [{"at": 1.0, "outcome": "denied"}] * (MOST_ENTRIES + 1)}),
        msgspec.msgpack.encode({"dropped": -1}),
    ],
)
def test_what_is_no_batch_is_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(raw)
