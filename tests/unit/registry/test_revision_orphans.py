"""Writers that die, dawdle or meet: each revision has one true record."""

from __future__ import annotations

import asyncio

import pytest

from crossply.control import keys
from crossply.wire.link import Conflict
from crossply_registry.revisions.contents import Contents
from crossply_registry.revisions.log import Contended, Written
from crossply_registry.revisions.next_revision import Changes
from tests.unit.registry.fakes import Crash, FakeStore, Pauses
from tests.unit.registry.histories import document, make_log, put, sound


async def test_a_writer_that_dies_between_record_and_head_does_not_block_the_next() -> None:
    store, pauses = FakeStore(), Pauses()
    dying = make_log(store)
    await put(dying, document("a"))
    store.once("update", keys.HEAD, _crash)
    with pytest.raises(Crash):
        await put(dying, document("lost"))
    assert keys.record(1, 2) in store.entries
    survivor = make_log(store, pauses=pauses)
    written = await put(survivor, document("b"))
    assert written.contents.place == (1, 2)
    assert set(written.contents.held) == {"Service/a", "Service/b"}
    assert len(pauses.lengths) == 1
    assert (await sound(store)).held == written.contents.held


async def test_a_writer_that_dies_before_its_hundredth_head_leaves_no_wrong_checkpoint() -> None:
    store = FakeStore()
    dying = make_log(store)
    for number in range(99):
        await put(dying, document("a", retry={"attempts": number % 5}))
    store.once("update", keys.HEAD, _crash)
    with pytest.raises(Crash):
        await put(dying, document("lost"))
    assert keys.checkpoint(1, 100) in store.entries
    await put(make_log(store), document("b"))
    contents = await sound(store)
    assert contents.place == (1, 100)
    assert set(contents.held) == {"Service/a", "Service/b"}


async def test_a_slow_writer_whose_record_was_taken_for_an_orphan_begins_again() -> None:
    """Between one writer's record and its head, another takes that record for an orphan and overwrites it."""
    store = FakeStore()
    slow = make_log(store)
    await slow.refresh()
    overtaken: list[Written] = []

    async def overtake() -> None:
        overtaken.append(await put(make_log(store), document("quick")))

    store.once("update", keys.HEAD, overtake)
    written = await put(slow, document("slow"))
    assert overtaken[0].contents.place == (1, 1)
    assert written.contents.place == (1, 2)
    assert set(written.contents.held) == {"Service/quick", "Service/slow"}
    assert (await sound(store)).held == written.contents.held


async def test_a_writer_that_was_fenced_off_cannot_move_the_head_to_a_record_that_is_no_more() -> None:
    store = FakeStore()
    slow = make_log(store)
    await slow.refresh()
    overwritten = asyncio.Event()
    quick: list[asyncio.Task[Written]] = []

    async def hold_the_slow_one_before_its_head() -> None:
        quick.append(asyncio.ensure_future(put(make_log(store), document("quick"))))
        await overwritten.wait()

    async def let_it_go_before_the_quick_one_moves_the_head() -> None:
        overwritten.set()
        for _ in range(20):
            await asyncio.sleep(0)

    store.once("update", keys.HEAD, hold_the_slow_one_before_its_head)
    store.once_done("update", keys.record(1, 1), let_it_go_before_the_quick_one_moves_the_head)
    written = await put(slow, document("slow"))
    first = await quick[0]
    assert {first.contents.revision, written.contents.revision} == {1, 2}
    assert set((await sound(store)).held) == {"Service/quick", "Service/slow"}


async def test_two_writers_that_both_fence_an_orphan_leave_one_true_record_a_revision() -> None:
    store = FakeStore()
    dying = make_log(store)
    await dying.refresh()
    store.once("update", keys.HEAD, _crash)
    with pytest.raises(Crash):
        await put(dying, document("lost"))

    async def overtake() -> None:
        await put(make_log(store), document("quick"))

    # The first update of a record is the slow writer's, after its fence.
    store.once("update", keys.record(1, 1), overtake)
    written = await put(make_log(store), document("slow"))
    assert set(written.contents.held) == {"Service/quick", "Service/slow"}
    assert (await sound(store)).held == written.contents.held


async def test_a_writer_that_loses_the_race_decides_again_on_the_fresh_contents() -> None:
    store = FakeStore()
    loser = make_log(store)
    await put(loser, document("a"))
    seen: list[str | None] = []

    def decide(contents: Contents) -> Changes:
        seen.append(contents.etag("Service/a"))
        return {"Service/a": document("a", retry={"attempts": 0})}

    async def overtake() -> None:
        await put(make_log(store), document("a", retry={"attempts": 1}))

    store.once("create", keys.record(1, 2), overtake)
    written = await loser.apply(decide, author="ada", reason="")
    assert seen == ["1.1", "1.2"]
    assert written.contents.place == (1, 3)


async def test_a_writer_whose_answer_was_lost_finds_its_own_revision() -> None:
    store = FakeStore()
    log = make_log(store)
    await log.refresh()

    async def take_effect() -> None:
        # A retry below us: the first try took effect and its answer was lost, the second meets it.
        raise Conflict(keys.HEAD)

    store.once_done("update", keys.HEAD, take_effect)
    written = await put(log, document("a"))
    assert written.changed
    assert written.contents.place == (1, 1)
    assert (await sound(store)).place == (1, 1)


async def test_a_writer_that_is_always_overtaken_gives_up() -> None:
    store = FakeStore()
    log = make_log(store)
    await log.refresh()

    async def always(verb: str, key: str) -> None:
        if verb == "update" and key == keys.HEAD:
            store.put(keys.HEAD, store.entries[keys.HEAD].value)

    store.before.append(always)
    with pytest.raises(Contended):
        await put(log, document("a"))


async def _crash() -> None:
    raise Crash
