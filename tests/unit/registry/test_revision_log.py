"""The revision log: one step, whatever dies or races in between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from crossply.control import keys
from crossply.control.record import (
    Head,
    RecordFault,
    development_key,
    open_announcement,
    open_checkpoint,
    open_record,
    verify_head,
)
from crossply.wire.link import Conflict, StoreUnavailable
from crossply_policy.documents import Document
from crossply_policy.faults import PolicyInvalid
from crossply_policy.parse import parse
from crossply_registry.revisions.contents import Contents
from crossply_registry.revisions.log import Contended, RevisionLog, Written
from crossply_registry.revisions.next_revision import MOST_DOCUMENTS, Changes
from crossply_registry.revisions.writing import Unsure
from tests.unit.registry.fakes import Crash, FakeStore, Pauses, service

KEY = development_key()


class Said:
    """Announcements, decoded."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def __call__(self, message: bytes) -> None:
        self.messages.append(message)


def make_log(store: FakeStore, *, said: Said | None = None, pauses: Pauses | None = None) -> RevisionLog:
    return RevisionLog(store, KEY, said or Said(), now=lambda: 1_700_000_000.0, pause=pauses or Pauses())


def document(name: str, **spec: Any) -> Document:
    return parse(service(name, **spec))


def setting(*documents: Document) -> Callable[[Contents], Changes]:
    return lambda _: {one.key: one for one in documents}


async def put(log: RevisionLog, *documents: Document, author: str = "ada", reason: str = "why not") -> Written:
    return await log.apply(setting(*documents), author=author, reason=reason)


def stored_head(store: FakeStore) -> Head:
    return msgspec.msgpack.decode(store.entries[keys.HEAD].value, type=Head)


async def sound(store: FakeStore) -> Contents:
    """Read the whole history anew; this fails if head, records, checkpoints and documents do not fit."""
    return await make_log(store).refresh()


async def test_the_first_start_makes_generation_one_revision_zero_with_its_checkpoint() -> None:
    store = FakeStore()
    contents = await make_log(store).refresh()
    assert contents.place == (1, 0)
    head = stored_head(store)
    verify_head(head, KEY.public_key())
    checkpoint = open_checkpoint(store.entries[keys.checkpoint(1, 0)].value, KEY.public_key())
    assert (checkpoint.generation, checkpoint.revision, checkpoint.documents) == (1, 0, {})
    assert checkpoint.record_hash == head.hash


async def test_replicas_that_start_at_once_agree_on_the_first_revision() -> None:
    store = FakeStore()
    second = make_log(store)

    store.once("create", keys.HEAD, second.refresh)
    first = make_log(store)
    assert (await first.refresh()).place == (1, 0)
    assert first.head == second.head


async def test_a_change_is_written_as_documents_then_record_then_head_and_then_announced() -> None:
    store, said = FakeStore(), Said()
    log = make_log(store, said=said)
    await log.refresh()
    store.writes.clear()
    written = await put(log, document("billing", retry={"attempts": 2}))
    assert written.changed
    digest = written.contents.held["Service/billing"].kept.hash
    assert store.writes == [keys.document("Service", "billing", digest), keys.record(1, 1), keys.HEAD]
    announced = open_announcement(said.messages[-1])
    assert announced.head == stored_head(store) == log.head
    record = open_record(announced.record, announced.head.hash)
    assert (record.parent, record.author, record.reason) == (0, "ada", "why not")
    assert record.changed is not None
    assert record.changed["Service/billing"].hash == digest
    assert record.changed["Service/billing"].concerns == ("billing",)
    assert announced.documents == {"Service/billing": written.contents.held["Service/billing"].raw}


async def test_a_defaults_document_concerns_everyone() -> None:
    log = make_log(FakeStore())
    written = await put(log, parse({"kind": "Defaults", "name": "mesh", "spec": {"timeout": {"total": 2.0}}}))
    assert written.contents.held["Defaults/mesh"].kept.concerns == ("*",)


async def test_several_documents_change_in_one_revision() -> None:
    store = FakeStore()
    log = make_log(store)
    written = await put(log, document("a"), document("b", retry={"attempts": 1}))
    assert written.contents.revision == 1
    assert set(written.contents.held) == {"Service/a", "Service/b"}
    assert (await sound(store)).held == written.contents.held


async def test_a_large_document_does_not_ride_in_the_announcement() -> None:
    store, said = FakeStore(), Said()
    endpoints = {f"endpoint-{number}": {"timeout": {"total": 1.5}} for number in range(300)}
    await put(make_log(store, said=said), document("big", endpoints=endpoints), document("small"))
    assert list(open_announcement(said.messages[-1]).documents) == ["Service/small"]
    assert set((await sound(store)).held) == {"Service/big", "Service/small"}


async def test_a_deleted_document_is_gone_and_its_end_concerns_whom_it_concerned() -> None:
    store, said = FakeStore(), Said()
    log = make_log(store, said=said)
    await put(log, document("billing"))
    written = await log.apply(lambda _: {"Service/billing": None}, author="ada", reason="")
    assert written.contents.held == {}
    record = open_record(open_announcement(said.messages[-1]).record, written.contents.record_hash)
    assert record.changed is not None
    change = record.changed["Service/billing"]
    assert (change.hash, change.concerns) == (None, ("billing",))
    assert (await sound(store)).held == {}


async def test_a_decision_to_change_nothing_writes_nothing() -> None:
    store = FakeStore()
    log = make_log(store)
    await log.refresh()
    store.writes.clear()
    written = await log.apply(lambda _: {}, author="ada", reason="")
    assert not written.changed
    assert store.writes == []


async def test_another_replica_follows_record_by_record() -> None:
    store = FakeStore()
    one, two = make_log(store), make_log(store)
    await two.refresh()
    await put(one, document("a"))
    await put(one, document("b"))
    store.reads.clear()
    contents = await two.refresh()
    assert contents.held == one.contents.held
    assert contents.place == (1, 2)
    assert keys.checkpoint(1, 0) not in store.reads


async def test_a_checkpoint_is_written_every_hundred_revisions_and_a_start_reads_from_there() -> None:
    store = FakeStore()
    log = make_log(store)
    for number in range(103):
        await put(log, document("a", retry={"attempts": number % 5}))
    assert keys.checkpoint(1, 100) in store.entries
    store.reads.clear()
    fresh = make_log(store)
    assert (await fresh.refresh()).held == log.contents.held
    assert keys.record(1, 101) in store.reads
    assert keys.record(1, 100) not in store.reads


async def test_a_revision_that_changes_too_much_to_be_listed_has_its_own_checkpoint() -> None:
    store = FakeStore()
    log = make_log(store)
    follower = make_log(store)
    await follower.refresh()
    names = [f"service-with-a-rather-long-name-{number:04d}" for number in range(600)]
    await put(log, *(document(name) for name in names))
    raw = store.entries[keys.record(1, 1)].value
    assert open_record(raw, stored_head(store).hash).changed is None
    assert keys.checkpoint(1, 1) in store.entries
    await put(log, document("one-more"))
    assert (await follower.refresh()).held == log.contents.held
    assert (await sound(store)).held == log.contents.held


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


async def test_a_store_that_leaves_while_the_head_moves_makes_the_outcome_unsure() -> None:
    store = FakeStore()
    log = make_log(store)
    await log.refresh()
    store.once_done("update", keys.HEAD, _unavailable)
    with pytest.raises(Unsure, match="may have been made"):
        await put(log, document("a"))
    assert (await log.refresh()).place == (1, 1)


async def test_nothing_is_done_when_the_store_does_not_answer() -> None:
    store, said = FakeStore(), Said()
    log = make_log(store, said=said)
    await log.refresh()
    store.available = False
    with pytest.raises(StoreUnavailable):
        await put(log, document("a"))
    assert said.messages == []
    assert log.contents.place == (1, 0)


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


async def test_a_store_that_went_back_is_refused() -> None:
    store = FakeStore()
    log = make_log(store)
    await log.refresh()
    old = store.entries[keys.HEAD].value
    await put(log, document("a"))
    store.put(keys.HEAD, old)
    with pytest.raises(RecordFault, match="went back from 1.1 to 1.0"):
        await log.refresh()
    assert log.fault is not None
    assert log.contents.place == (1, 1)


async def test_an_emptied_store_is_refused() -> None:
    store = FakeStore()
    log = make_log(store)
    await log.refresh()
    store.entries.clear()
    with pytest.raises(RecordFault, match="emptied"):
        await log.refresh()


async def test_a_record_changed_in_the_store_is_refused() -> None:
    store = FakeStore()
    await put(make_log(store), document("a"))
    raw = store.entries[keys.record(1, 1)].value
    store.put(keys.record(1, 1), raw.replace(b"ada", b"eve"))
    with pytest.raises(RecordFault):
        await sound(store)


async def test_a_document_changed_in_the_store_is_refused() -> None:
    store = FakeStore()
    written = await put(make_log(store), document("a"))
    place = keys.document("Service", "a", written.contents.held["Service/a"].kept.hash)
    store.put(place, b"\x80")
    with pytest.raises(RecordFault, match="Service/a"):
        await sound(store)


async def test_a_damaged_document_is_mended_when_it_is_written_again() -> None:
    store = FakeStore()
    log = make_log(store)
    written = await put(log, document("a"))
    place = keys.document("Service", "a", written.contents.held["Service/a"].kept.hash)
    await log.apply(lambda _: {"Service/a": None}, author="ada", reason="")
    store.put(place, b"\x80")
    await put(log, document("a"))
    assert set((await sound(store)).held) == {"Service/a"}


async def test_a_head_signed_by_another_key_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    store = FakeStore()
    await RevisionLog(store, Ed25519PrivateKey.generate(), Said()).refresh()
    with pytest.raises(RecordFault, match="not signed"):
        await sound(store)


async def test_a_tenant_may_have_only_so_many_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossply_registry.revisions.next_revision.MOST_DOCUMENTS", 2)
    store = FakeStore()
    log = make_log(store)
    await put(log, document("a"), document("b"))
    with pytest.raises(PolicyInvalid, match="a tenant may have 2"):
        await put(log, document("c"))
    assert log.contents.place == (1, 1)


def test_a_checkpoint_of_the_most_documents_fits_into_one_message() -> None:
    from crossply.control.record import Kept
    from crossply_registry.revisions.contents import Held
    from crossply_registry.revisions.next_revision import manifest_checkpoint

    name = "n" * 58
    one = document(name + "00000")
    kept = Kept(hash="f" * 64, revision=2**31, concerns=(one.name,))
    held = {f"Service/{name}{number:05d}": Held(one, b"", kept) for number in range(MOST_DOCUMENTS)}
    contents = Contents(generation=2**31, revision=2**31, record_hash="f" * 64, held=held)
    assert len(manifest_checkpoint(contents, KEY)) < 960 * 1024


async def _crash() -> None:
    raise Crash


async def _unavailable() -> None:
    raise StoreUnavailable("leader went away")
