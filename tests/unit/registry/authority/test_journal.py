"""The issuance log: one chain over all replicas, and no entry that can be changed unseen."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from crossply.wire.link import StoreUnavailable
from crossply_registry.authority.journal import ORIGIN, Entry, Journal, digest
from crossply_registry.authority.state import State, StateFault
from tests.unit.registry.authority.standing import KEK, NOW, Time
from tests.unit.registry.fakes import FakeStore, Pauses


def journal(store: FakeStore, time: Time | None = None) -> Journal:
    return Journal(State(store, KEK, Pauses()), now=time or Time())


async def said(made: Journal, after: int = 0) -> list[str]:
    return [each.what async for each in made.entries(after)]


async def test_entries_are_numbered_and_each_holds_the_hash_of_the_last() -> None:
    store = FakeStore()
    made = journal(store)
    first = await made.append("issued", identity="a", serial=b"1", not_after=7, by="token x")
    second = await made.append("refused", reason="no")

    assert (first.number, first.prev, first.at) == (1, ORIGIN, NOW)
    assert (second.number, second.prev) == (2, digest(msgspec.msgpack.encode(first)))
    assert [each async for each in made.entries()] == [first, second]
    assert [each async for each in made.entries(1)] == [second]


async def test_replicas_that_write_at_once_make_one_chain() -> None:
    store = FakeStore()
    replicas = [journal(store) for _ in range(4)]
    await asyncio.gather(*(each.append(f"{place}.{turn}") for turn in range(20) for place, each in enumerate(replicas)))

    assert sorted(await said(journal(store))) == sorted(f"{place}.{turn}" for turn in range(20) for place in range(4))


async def test_a_replica_that_starts_reads_on_from_the_hint() -> None:
    store = FakeStore()
    made = journal(store)
    for number in range(150):
        await made.append(f"{number}")
    store.reads.clear()
    late = journal(store)
    await late.append("late")

    assert late.length == 151
    assert len([key for key in store.reads if key.startswith("authority.journal.")]) < 30
    assert len(await said(late)) == 151


async def test_an_answer_that_was_lost_is_not_written_twice() -> None:
    store = FakeStore()
    made = journal(store)

    async def lost() -> None:
        raise StoreUnavailable("the answer was lost")

    store.once_done("create", "authority.journal.1", lost)
    with pytest.raises(StoreUnavailable):
        await made.append("issued")
    await made.append("issued again")
    assert await said(made) == ["issued", "issued again"]


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_an_entry_that_was_changed_or_removed_is_seen(number: int) -> None:
    store = FakeStore()
    made = journal(store)
    for _ in range(3):
        await made.append("issued")
    key = f"authority.journal.{number}"
    held = store.entries[key].value

    async def broken() -> bool:
        try:
            await said(journal(store))
        except StateFault:
            return True
        # The last one may be missing: that nobody wrote it is as likely.
        return number == 3

    store.put(key, held[:-1] + bytes([held[-1] ^ 1]))
    assert await broken()
    body = msgspec.msgpack.encode(Entry(number=number, prev=b"x" * 32, nonce=b"", at=0.0, what="issued"))
    store.put(key, KEK.mac(body, key) + body)
    with pytest.raises(StateFault, match="does not follow"):
        await said(journal(store))
    del store.entries[key]
    if number < 3:
        with pytest.raises(StateFault, match="is missing"):
            await said(made)


async def test_what_is_older_than_asked_for_is_not_read() -> None:
    store, time = FakeStore(), Time()
    made = journal(store, time)
    for number in range(100):
        time.seconds = NOW + number
        await made.append(f"{number}")
    store.reads.clear()
    found = await made.since(NOW + 90)

    assert [each.what for each in found] == [f"{number}" for number in range(90, 100)]
    assert len(store.reads) < 50


async def test_what_cannot_be_noted_is_an_error_and_not_forgotten_silently() -> None:
    store = FakeStore()
    made = journal(store)
    store.available = False
    with pytest.raises(StoreUnavailable):
        await made.append("issued")
