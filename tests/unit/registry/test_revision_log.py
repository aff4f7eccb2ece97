"""The revision log: what a change writes, announces and leaves behind."""

from __future__ import annotations

import pytest

from crossply.control import keys
from crossply.control.record import (
    open_announcement,
    open_checkpoint,
    open_record,
    verify_head,
)
from crossply_policy.faults import PolicyInvalid
from crossply_policy.parse import parse
from crossply_registry.revisions.contents import Contents
from crossply_registry.revisions.next_revision import MOST_DOCUMENTS
from tests.unit.registry.fakes import FakeStore
from tests.unit.registry.histories import KEY, Said, document, make_log, put, sound, stored_head


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
