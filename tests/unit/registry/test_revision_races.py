"""Replicas that write at once and die anywhere: what was reported is in the history, which is sound."""

from __future__ import annotations

import asyncio
import random

import pytest

from crossply.control.record import development_key
from crossply.wire.link import StoreUnavailable
from crossply_policy.documents import Document
from crossply_policy.parse import parse
from crossply_registry.revisions.log import Contended, Decide, RevisionLog
from tests.unit.registry.fakes import Crash, FakeStore, service

KEY = development_key()
REPLICAS, WRITES = 4, 6


async def _unheard(message: bytes) -> None:
    return


class Replica:
    """Writes document after document; ``reported`` keeps the revision at which each was said to be done."""

    def __init__(self, store: FakeStore, luck: random.Random, number: int) -> None:
        self._store = store
        self._luck = luck
        self._number = number
        self.reported: dict[int, str] = {}

    async def run(self) -> None:
        log = self._start()
        for number in range(WRITES):
            document = parse(service(f"s{self._number}-{number}", retry={"attempts": 1}))
            try:
                written = await log.apply(_setting(document), author="ada", reason="")
            except Crash:
                log = self._start()
            except (Contended, StoreUnavailable):
                continue
            else:
                self.reported[written.contents.revision] = document.key

    def _start(self) -> RevisionLog:
        return RevisionLog(self._store, KEY, _unheard, pause=self._pause, luck=self._luck)

    async def _pause(self, length: float) -> None:
        for _ in range(self._luck.randrange(round(length * 1000))):
            await asyncio.sleep(0)


def _setting(document: Document) -> Decide:
    return lambda _: {document.key: document}


@pytest.mark.parametrize("seed", range(60))
async def test_whatever_was_reported_is_in_a_sound_history(seed: int) -> None:
    luck = random.Random(seed)
    store = FakeStore()

    async def disturb(verb: str, key: str) -> None:
        # Now and then longer than another writer waits before it takes a record for an orphan.
        for _ in range(luck.choice((0, 1, 2, 3, 3, 3, 300))):
            await asyncio.sleep(0)
        if luck.random() < 0.02:
            raise Crash
        if luck.random() < 0.02:
            raise StoreUnavailable("no leader for a moment")

    store.before.append(disturb)
    store.after.append(disturb)
    replicas = [Replica(store, luck, number) for number in range(REPLICAS)]
    await asyncio.gather(*(replica.run() for replica in replicas))
    store.before.clear()
    store.after.clear()
    fresh = RevisionLog(store, KEY, _unheard)
    contents = await fresh.refresh()
    changed = await _changes(fresh)
    assert changed.keys() == set(range(contents.revision + 1))
    for replica in replicas:
        for revision, key in replica.reported.items():
            assert changed[revision] == {key}
    assert set(contents.held) == set().union(*changed.values())


async def _changes(log: RevisionLog) -> dict[int, set[str]]:
    """Walk the whole chain from the head down, every hash verified."""
    found: dict[int, set[str]] = {}
    expected = log.head.hash
    for revision in range(log.head.revision, -1, -1):
        _, record = await log.archive.recorded(log.head.generation, revision, expected)
        assert record.changed is not None
        found[revision] = set(record.changed)
        expected = record.prev_hash
    assert expected == ""
    return found
