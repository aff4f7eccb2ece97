"""A reader of the registry's history believes nothing that does not verify, and finds its way from anywhere."""

from __future__ import annotations

import pytest

from crossply.control import keys, record
from crossply.control.history import History, Position, WentBack
from crossply.control.record import Change, Head, Record, RecordFault, encode
from crossply.wire.link import StoreUnavailable
from tests.unit.sdk.control.histories import KEY, Written, begun, document


def reader(written: Written) -> History:
    return History(written, KEY.public_key())


async def newest(written: Written, known: Position | None = None) -> Position:
    return await reader(written).newest(known or Position(), leader=False)


async def test_a_joiner_takes_the_checkpoint_and_the_records_after_it() -> None:
    written = begun()
    written.change(document(1))
    written.change(document(2, "orders"))
    at = await newest(written)
    assert (at.generation, at.revision) == (1, 2)
    assert dict(at.manifest) == written.kept


async def test_one_that_is_a_few_revisions_behind_reads_only_those() -> None:
    written = begun()
    written.change(document(1))
    known = await newest(written)
    written.change(document(2))
    written.change(document(3))
    written.reads.clear()
    assert (await newest(written, known)).revision == 3
    assert written.reads == [keys.HEAD, keys.record(1, 2), keys.record(1, 3)]


async def test_one_that_is_far_behind_begins_at_the_newest_checkpoint() -> None:
    written = begun()
    known = await newest(written)
    for attempts in range(record.CHECKPOINT_EVERY * 2 + 3):
        written.change(document(attempts % 10))
    written.reads.clear()
    at = await newest(written, known)
    assert at.revision == 203
    assert dict(at.manifest) == written.kept
    assert len(written.reads) == 5


async def test_a_document_that_was_deleted_is_gone_from_the_manifest() -> None:
    written = begun()
    written.change(document(1))
    written.change(("Service/billing", None))
    assert dict((await newest(written)).manifest) == {}


async def test_a_record_too_long_to_name_its_changes_is_read_from_the_checkpoint_beside_it() -> None:
    written = begun()
    known = await newest(written)
    written.change(document(1), concise=True)
    written.change(document(2, "orders"))
    at = await newest(written, known)
    assert dict(at.manifest) == written.kept
    assert len(at.manifest) == 2


async def test_nothing_newer_is_the_position_that_was_known() -> None:
    written = begun()
    known = await newest(written)
    assert await newest(written, known) is known
    assert (await newest(Written())).generation == 0


async def test_an_older_head_of_the_same_generation_is_not_gone_back_to() -> None:
    written = begun()
    written.change(document(1))
    old = dict(written.values)
    written.change(document(2))
    known = await newest(written)
    written.values = old
    with pytest.raises(WentBack, match=r"from revision 2 of generation 1 to revision 1 of generation 1"):
        await newest(written, known)
    written.values = {}
    with pytest.raises(WentBack, match="to nothing"):
        await newest(written, known)
    assert (await newest(written)).generation == 0


async def test_a_later_generation_is_followed_whatever_its_revision() -> None:
    written = begun()
    for attempts in range(5):
        written.change(document(attempts))
    known = await newest(written)
    written.restored()
    written.kept.clear()
    written.change(document(9))
    at = await newest(written, known)
    assert (at.generation, at.revision) == (2, 0)
    assert dict(at.manifest) == written.kept


async def test_a_head_with_another_signature_is_refused() -> None:
    written = begun()
    assert written.head is not None
    written.values[keys.HEAD] = encode(Head(1, 7, written.hash, bytes(64)))
    with pytest.raises(RecordFault, match="CROSSPLY_REGISTRY_KEY"):
        await newest(written)


async def test_a_record_that_was_exchanged_breaks_the_chain() -> None:
    written = begun()
    known = await newest(written)
    written.change(document(1))
    other = begun()
    other.change(document(5))
    written.values[keys.record(1, 1)] = other.values[keys.record(1, 1)]
    written.values |= {key: value for key, value in other.values.items() if key.startswith("docs.")}
    with pytest.raises(RecordFault, match="not the one that the head names"):
        await newest(written, known)


async def test_a_lagging_replica_is_wrong_and_the_leader_right() -> None:
    written = begun()
    known = await newest(written)
    orphan = begun()
    orphan.change(document(5))
    written.change(document(1))
    written.stale[keys.record(1, 1)] = orphan.values[keys.record(1, 1)]
    with pytest.raises(RecordFault):
        await reader(written).newest(known, leader=False)
    assert (await reader(written).newest(known, leader=True)).revision == 1


@pytest.mark.parametrize("garbage", [b"", b"\xc0", b"\x93\x01\x02\x03", b"\xff" * 40])
async def test_garbage_in_the_store_is_a_fault_with_words(garbage: bytes) -> None:
    written = begun()
    known = await newest(written)
    written.change(document(1))
    for key in (keys.record(1, 1), keys.HEAD):
        kept = written.values[key]
        written.values[key] = garbage
        with pytest.raises(RecordFault):
            await newest(written, known)
        written.values[key] = kept


async def test_what_is_named_but_not_there_yet_is_waited_for_and_then_unavailable() -> None:
    written = begun()
    known = await newest(written)
    written.change(document(1))
    del written.values[keys.record(1, 1)]
    with pytest.raises(StoreUnavailable):
        await newest(written, known)


async def test_a_document_is_what_its_hash_says() -> None:
    written = begun()
    name, raw = document(1)
    written.change((name, raw))
    at = await newest(written)
    assert await reader(written).document(name, at.manifest[name]) == raw
    written.values[keys.document("Service", "billing", at.manifest[name].hash)] = document(9)[1]
    with pytest.raises(RecordFault, match="does not hash"):
        await reader(written).document(name, at.manifest[name])


@pytest.mark.parametrize(
    "said", [{}, {"Service/billing": Change(None, ("billing",))}, None], ids=["nothing", "gone", "concise"]
)
async def test_a_record_between_two_that_verify_is_not_another_than_was_signed(said: dict[str, Change] | None) -> None:
    written = begun()
    written.change(document(1))
    known = await newest(written)
    before = written.hash
    written.change(document(2))
    written.change(document(3, "orders"))
    # No head names it any more, so that no signature is of it: only the record after it knows its hash.
    forged = Record(1, 2, 1, before, 1.0, "somebody", "because", said)
    written.values[keys.record(1, 2)] = encode(forged)
    written.values[keys.checkpoint(1, 2)] = written.values[keys.checkpoint(1, 0)]
    with pytest.raises(RecordFault):
        await newest(written, known)
