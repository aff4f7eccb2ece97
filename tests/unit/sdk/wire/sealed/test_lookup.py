"""Credentials by their ids: one question for many messages, few for ids that mean nothing."""

from __future__ import annotations

import asyncio

import pytest

from crossply.tasks import Tasks
from crossply.wire.sealed.lookup import ABSENT_FOR, ASIDE, ASIDE_BYTES, AT_ONCE, RATE, CredentialLookup, place
from tests.support.vouched import Vouching
from tests.unit.registry.fakes import Clock, FakeStore


class Looking:
    """A lookup over a store in memory, and an authority whose credentials may lie there."""

    def __init__(self) -> None:
        self.authority = Vouching()
        self.store = FakeStore()
        self.now = Clock()
        self.failed: list[BaseException] = []
        self.credentials = self.authority.keys("orders", "k7q2mzp4x3ab").credentials
        self.tasks = Tasks(lambda _name, error: self.failed.append(error))
        self.lookup = CredentialLookup(self.store, self.credentials, self.now, self.tasks)

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def looking() -> Looking:
    return Looking()


def ids(number: int) -> list[bytes]:
    return [each.to_bytes(8, "big") for each in range(1, number + 1)]


async def test_a_credential_is_read_once_by_its_id_and_what_lies_there_must_be_it(looking: Looking) -> None:
    other, third = (looking.authority.holder("web", each) for each in ("m7q2mzp4x3ac", "p7q2mzp4x3ac"))
    looking.store.put(place(other.cid), other.raw)
    looking.store.put(place(third.cid), other.raw)
    found = await asyncio.gather(*(looking.lookup.find(other.cid) for _ in range(20)))
    assert {member.raw for members in found for member in members} == {other.raw}
    assert looking.store.reads == [place(other.cid)]
    assert await looking.lookup.find(third.cid) == ()


async def test_what_another_authority_signed_is_not_believed_for_lying_there(looking: Looking) -> None:
    stranger = Vouching().holder("web", "m7q2mzp4x3ac")
    looking.store.put(place(stranger.cid), stranger.raw)
    assert await looking.lookup.find(stranger.cid) == ()


async def test_an_id_that_means_nothing_costs_a_question_a_second(looking: Looking) -> None:
    for _ in range(3):
        assert await looking.lookup.find(bytes(8)) == ()
    assert len(looking.store.reads) == 1
    looking.now.now += ABSENT_FOR
    await looking.lookup.find(bytes(8))
    assert len(looking.store.reads) == 2


async def test_a_store_that_does_not_answer_is_not_pressed(looking: Looking) -> None:
    looking.store.available = False
    assert set(await asyncio.gather(*(looking.lookup.find(each) for each in ids(100)))) == {()}
    looking.store.available = True
    assert await looking.lookup.find(ids(1)[0]) == ()
    assert looking.store.reads == []


async def test_few_questions_are_under_way_at_a_time_and_few_are_asked_in_a_second(looking: Looking) -> None:
    await asyncio.gather(*(looking.lookup.find(each) for each in ids(100)))
    assert len(looking.store.reads) == AT_ONCE
    for each in ids(10_000):
        await looking.lookup.find(each)
    assert len(looking.store.reads) == RATE
    looking.now.now += 0.5
    for each in reversed(ids(10_000)):
        await looking.lookup.find(each)
    assert len(looking.store.reads) == RATE * 1.5


async def test_what_is_set_aside_goes_on_once_its_sender_is_known_or_known_not_to_be(looking: Looking) -> None:
    other, done = looking.authority.holder("web", "m7q2mzp4x3ac"), list[object]()
    looking.store.put(place(other.cid), other.raw)
    assert looking.lookup.set_aside(other.cid, 10, lambda: done.append(looking.credentials.with_id(other.cid)))
    assert looking.lookup.set_aside(bytes(8), 10, lambda: done.append(None))
    assert done == []
    await looking.settle()
    assert done == [looking.credentials.with_id(other.cid), None]
    assert looking.credentials.with_id(other.cid)


async def test_few_messages_wait_and_few_bytes(looking: Looking) -> None:
    done = list[int]()
    taken = [looking.lookup.set_aside(bytes(8), 10, lambda: done.append(1)) for _ in range(ASIDE + 10)]
    assert taken == [True] * ASIDE + [False] * 10
    await looking.settle()
    assert len(done) == ASIDE
    looking.now.now += ABSENT_FOR
    assert looking.lookup.set_aside(bytes(8), ASIDE_BYTES, lambda: done.append(1))
    assert not looking.lookup.set_aside(bytes(8), 1, lambda: done.append(1))
    await looking.settle()
    assert len(done) == ASIDE + 1
    assert looking.failed == []


async def test_whoever_waits_when_its_link_closes_finds_nobody_and_is_not_cancelled(looking: Looking) -> None:
    looking.store.once("get", place(bytes(8)), asyncio.Event().wait)
    finding = asyncio.ensure_future(looking.lookup.find(bytes(8)))
    await looking.settle()
    await looking.tasks.aclose()
    await looking.settle()
    assert not finding.cancelled()
    assert await finding == ()


async def test_what_waits_for_a_question_that_fails_is_taken_all_the_same(looking: Looking) -> None:
    async def broken() -> None:
        raise OSError("a fault that nobody thought of")

    looking.store.once("get", place(bytes(8)), broken)
    taken: list[bool] = []
    assert looking.lookup.set_aside(bytes(8), 100, lambda: taken.append(True))
    await looking.settle()
    assert taken == [True]
    assert len(looking.failed) == 1
