"""From what was told to the stream: in order, in batches, later when it is away, and counted when there is no room."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from crossply.audit.audit import Audit
from crossply.audit.entry import MOST_ENTRIES, Batch, Entry, Outcome, decode
from crossply.audit.shipping import Shipping, spool_of
from crossply.audit.spool import FileSpool, MemorySpool
from crossply.config import MeshConfig
from crossply.wire.link import StoreUnavailable


class Stream:
    """Stores batches once for each id, while it is there."""

    def __init__(self) -> None:
        self.batches: dict[bytes, Batch] = {}
        self.there = True
        self.asked = 0

    async def store(self, batch: bytes, batch_id: bytes) -> None:
        self.asked += 1
        if not self.there:
            raise StoreUnavailable("no stream takes this")
        self.batches.setdefault(batch_id, decode(batch))

    @property
    def told(self) -> list[int]:
        return [int(entry.at) for batch in self.batches.values() for entry in batch.entries]


class Pauses:
    """Waits that take no time, noted down."""

    def __init__(self) -> None:
        self.lengths: list[float] = []

    async def __call__(self, length: float) -> None:
        self.lengths.append(length)


def tell(audit: Audit, *numbers: int) -> None:
    for number in numbers:
        audit.tell(Entry(at=float(number), outcome=Outcome.DENIED))


async def test_entries_go_in_their_order_in_bounded_batches() -> None:
    audit, stream = Audit(), Stream()
    tell(audit, *range(MOST_ENTRIES + 5))
    assert await Shipping(audit, MemorySpool(), stream.store).ship()
    assert [len(batch.entries) for batch in stream.batches.values()] == [MOST_ENTRIES, 5]
    assert stream.told == list(range(MOST_ENTRIES + 5))


async def test_where_nothing_was_told_nothing_is_sent() -> None:
    stream = Stream()
    assert await Shipping(Audit(), MemorySpool(), stream.store).ship()
    assert stream.asked == 0


async def test_what_was_told_while_the_stream_was_away_goes_first_when_it_is_back() -> None:
    audit, stream = Audit(), Stream()
    shipping = Shipping(audit, MemorySpool(), stream.store)
    stream.there = False
    for number in range(3):
        tell(audit, number)
        assert not await shipping.ship()
    assert audit.waiting == 0
    stream.there = True
    tell(audit, 3)
    assert await shipping.ship()
    assert stream.told == [0, 1, 2, 3]


async def test_it_asks_less_and_less_often_while_the_stream_is_away() -> None:
    audit, stream, pauses = Audit(), Stream(), Pauses()
    shipping = Shipping(audit, MemorySpool(), stream.store, pauses)
    stream.there = False
    tell(audit, 1)
    for _ in range(7):
        await shipping.step()
    stream.there = True
    await shipping.step()
    await shipping.step()
    assert pauses.lengths == [1, 2, 4, 8, 16, 30, 30, 30, 1]


async def test_what_finds_no_room_is_counted_here_and_told_in_the_stream() -> None:
    audit, stream = Audit(most=4), Stream()
    shipping = Shipping(audit, MemorySpool(most=70), stream.store)
    stream.there = False
    tell(audit, 0, 1)
    assert not await shipping.ship()
    tell(audit, *range(2, 10))
    assert not await shipping.ship()
    dropped = audit.dropped
    assert dropped == 8
    stream.there = True
    assert await shipping.ship()
    assert stream.told == [0, 1]
    assert sum(batch.dropped for batch in stream.batches.values()) == dropped


async def test_one_that_is_stopped_while_it_stores_loses_nothing() -> None:
    audit, stream, spool = Audit(), Stream(), MemorySpool()
    began = asyncio.Event()

    async def hanging(_batch: bytes, _batch_id: bytes) -> None:
        began.set()
        await asyncio.Event().wait()

    tell(audit, 1)
    shipping = asyncio.create_task(Shipping(audit, spool, hanging).ship())
    await began.wait()
    shipping.cancel()
    await asyncio.gather(shipping, return_exceptions=True)
    assert await Shipping(audit, spool, stream.store).ship()
    assert stream.told == [1]


async def test_at_the_end_it_waits_a_second_and_leaves_the_rest_in_the_file(tmp_path: Path) -> None:
    audit, stream = Audit(), Stream()
    spool = FileSpool.at(tmp_path / "orders.audit")
    assert spool is not None

    async def hanging(_batch: bytes, _batch_id: bytes) -> None:
        await asyncio.Event().wait()

    tell(audit, 1, 2)
    await Shipping(audit, spool, hanging).aclose()
    again = FileSpool.at(tmp_path / "orders.audit")
    assert again is not None
    await Shipping(Audit(), again, stream.store).aclose()
    assert stream.told == [1, 2]


async def test_a_process_spools_in_its_state_and_a_second_one_of_the_service_in_memory(tmp_path: Path) -> None:
    first = spool_of(MeshConfig(state=tmp_path), "orders")
    second = spool_of(MeshConfig(state=tmp_path), "orders")
    assert (type(first), type(second), type(spool_of(MeshConfig(), "orders"))) == (FileSpool, MemorySpool, MemorySpool)
    first.close()


@pytest.mark.parametrize("torn", [1, 10, 21])
def test_a_record_that_a_crash_tore_is_left_out(tmp_path: Path, torn: int) -> None:
    path = tmp_path / "orders.audit"
    spool = FileSpool.at(path)
    assert spool is not None
    assert spool.add(b"a" * 16, b"one")
    assert spool.add(b"b" * 16, b"two")
    spool.close()
    path.write_bytes(path.read_bytes()[:-torn])
    again = FileSpool.at(path)
    assert again is not None
    assert again.first() == (b"a" * 16, b"one")
    again.drop()
    assert again.first() is None
    assert again.add(b"c" * 16, b"three")
    assert again.first() == (b"c" * 16, b"three")
    again.close()


def test_a_spool_is_first_in_first_out_within_its_bounds(tmp_path: Path) -> None:
    kept = FileSpool.at(tmp_path / "x.audit")
    assert kept is not None
    kept.close()
    file = FileSpool.at(tmp_path / "y.audit")
    assert file is not None
    file._most = 100  # pyright: ignore[reportPrivateUsage]  # 16 MiB are many for a test
    for spool in (MemorySpool(60), file):
        assert spool.add(b"a" * 16, b"1" * 30)
        assert spool.add(b"b" * 16, b"2" * 30)
        assert not spool.add(b"c" * 16, b"3")
        assert spool.first() == (b"a" * 16, b"1" * 30)
        spool.drop()
        assert spool.first() == (b"b" * 16, b"2" * 30)
        spool.drop()
        assert spool.first() is None
        assert spool.add(b"c" * 16, b"3" * 50)
        spool.close()


def test_a_state_that_takes_nothing_leaves_it_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert FileSpool.at(tmp_path / "file" / "x.audit") is None
    assert (tmp_path / "file").read_text() == ""
