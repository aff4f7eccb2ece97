"""A store that is away, went back or was tampered with: nothing is done, and nothing believed."""

from __future__ import annotations

import pytest

from crossply.control import keys
from crossply.control.record import (
    RecordFault,
)
from crossply.wire.link import StoreUnavailable
from crossply_registry.revisions.log import RevisionLog
from crossply_registry.revisions.writing import Unsure
from tests.unit.registry.fakes import FakeStore
from tests.unit.registry.histories import Said, document, make_log, put, sound


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


async def test_a_store_that_went_back_is_refused() -> None:
    store = FakeStore()
    log = make_log(store)
    await log.refresh()
    old = store.entries[keys.HEAD].value
    await put(log, document("a"))
    store.put(keys.HEAD, old)
    with pytest.raises(RecordFault, match=r"went back from 1\.1 to 1\.0"):
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


async def _unavailable() -> None:
    raise StoreUnavailable("leader went away")
