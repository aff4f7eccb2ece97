"""The policy feed adopts what verifies and concerns it, and keeps the last good snapshot through everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from crossply.control import keys
from crossply.control.feed import PolicyFeed
from crossply.control.record import Announcement, Head, encode
from crossply.tasks import Tasks
from crossply.wire.link import AnnouncementHandler, Link
from crossply_policy.canonical import digest
from crossply_policy.snapshot import Snapshot
from tests.unit.sdk.control.histories import Written, begun, document, rate_limit
from tests.unit.sdk.stage import settle


class Watching:
    async def aclose(self) -> None: ...


@dataclass
class FakeLink:
    """The two things of a link that the feed uses."""

    store: Any
    handler: AnnouncementHandler | None = None

    async def watch_head(self, handler: AnnouncementHandler) -> Watching:
        self.handler = handler
        return Watching()

    async def hear(self, raw: bytes) -> None:
        assert self.handler is not None
        self.handler(raw)
        await settle()


@dataclass
class Stage:
    """A feed with what it adopted."""

    written: Written
    link: FakeLink
    feed: PolicyFeed
    adopted: list[Snapshot] = field(default_factory=list[Snapshot])

    @property
    def attempts(self) -> int:
        return self.adopted[-1].route("billing", "charge").retry.attempts


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    written = begun()
    link = FakeLink(written)
    tasks = Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}"))
    adopted: list[Snapshot] = []
    feed = PolicyFeed(cast("Link", link), None, adopted.append, tasks)
    made = Stage(written, link, feed, adopted)
    await feed.start()
    await feed.want("billing")
    yield made
    await feed.aclose()
    await tasks.aclose()


async def test_what_is_in_force_at_the_start_is_adopted(stage: Stage) -> None:
    assert [each.revision for each in stage.adopted] == [0]
    assert stage.feed.generation == 1


async def test_an_announced_revision_is_adopted_without_reading_the_store(stage: Stage) -> None:
    announced = stage.written.change(document(4))
    stage.written.reads.clear()
    await stage.link.hear(announced)
    assert (stage.attempts, stage.feed.revision) == (4, 1)
    assert stage.written.reads == []


async def test_a_document_that_does_not_ride_along_is_fetched(stage: Stage) -> None:
    await stage.link.hear(stage.written.change(document(4), carried=False))
    assert stage.attempts == 4


async def test_a_document_that_rides_along_changed_is_fetched_instead(stage: Stage) -> None:
    name, raw = document(4)
    stage.written.change((name, raw))
    assert stage.written.head is not None
    lie = encode(Announcement(stage.written.head, stage.written.values[keys.record(1, 1)], {name: document(9)[1]}))
    await stage.link.hear(lie)
    assert stage.attempts == 4


async def test_a_missed_revision_is_made_good_from_the_store(stage: Stage) -> None:
    stage.written.change(document(4))
    await stage.link.hear(stage.written.change(document(5)))
    assert (stage.attempts, stage.feed.revision) == (5, 2)


async def test_the_repeated_head_alone_is_enough(stage: Stage) -> None:
    stage.written.change(document(4))
    assert stage.written.head is not None
    await stage.link.hear(encode(Announcement(stage.written.head)))
    assert stage.attempts == 4


async def test_a_forged_announcement_changes_nothing_and_refuses_nothing(stage: Stage) -> None:
    await stage.link.hear(encode(Announcement(Head(9, 9, "0" * 64, bytes(64)))))
    await stage.link.hear(b"garbage")
    assert (stage.feed.generation, stage.feed.revision, stage.feed.refused) == (1, 0, "")
    await stage.link.hear(stage.written.change(document(4)))
    assert stage.attempts == 4


async def test_an_older_announcement_is_not_gone_back_to(stage: Stage) -> None:
    old = stage.written.change(document(4))
    await stage.link.hear(old)
    await stage.link.hear(stage.written.change(document(5)))
    await stage.link.hear(old)
    assert (stage.attempts, stage.feed.revision) == (5, 2)


async def test_a_store_that_went_back_changes_nothing_and_is_said_until_it_is_mended(stage: Stage) -> None:
    old = stage.written.change(document(4))
    await stage.link.hear(old)
    earlier = dict(stage.written.values)
    await stage.link.hear(stage.written.change(document(5)))
    newer, stage.written.values = stage.written.values, earlier
    await stage.link.hear(old)
    assert (stage.attempts, stage.feed.revision) == (5, 2)
    assert "went back from revision 2 of generation 1 to revision 1" in stage.feed.refused
    stage.written.values = newer
    await stage.link.hear(old)
    assert (stage.attempts, stage.feed.revision, stage.feed.refused) == (5, 2, "")


async def test_a_replica_that_lags_is_not_taken_for_a_store_that_went_back(stage: Stage) -> None:
    old = stage.written.change(document(4))
    await stage.link.hear(old)
    stage.written.stale = {keys.HEAD: stage.written.values[keys.HEAD]}
    await stage.link.hear(stage.written.change(document(5)))
    await stage.link.hear(old)
    assert (stage.feed.revision, stage.feed.refused) == (2, "")


async def test_an_older_head_that_no_registry_signed_has_nothing_read(stage: Stage) -> None:
    await stage.link.hear(stage.written.change(document(4)))
    stage.written.reads.clear()
    await stage.link.hear(encode(Announcement(Head(1, 0, "0" * 64, bytes(64)))))
    assert stage.written.reads == []


async def test_a_revision_that_cannot_be_used_leaves_the_last_good_one_and_says_why(stage: Stage) -> None:
    await stage.link.hear(stage.written.change(document(4)))
    await stage.link.hear(stage.written.change(("Service/billing", b"\x81\xa4kind\xa3new")))
    assert (stage.attempts, stage.feed.revision) == (4, 1)
    assert stage.feed.refused
    await stage.link.hear(stage.written.change(document(6)))
    assert (stage.attempts, stage.feed.revision, stage.feed.refused) == (6, 3, "")


async def test_what_concerns_only_others_is_not_fetched_until_it_is_wanted(stage: Stage) -> None:
    name, raw = document(7, "orders")
    await stage.link.hear(stage.written.change((name, raw), carried=False))
    lies = keys.document("Service", "orders", digest(raw))
    assert lies not in stage.written.reads
    assert stage.feed.revision == 1
    await stage.feed.want("orders")
    assert lies in stage.written.reads
    retry = stage.adopted[-1].route("orders", "create").retry
    assert retry is not None
    assert retry.attempts == 7


async def test_what_is_wanted_while_the_store_is_away_is_fetched_with_the_next_head(stage: Stage) -> None:
    name, raw = document(7, "orders")
    announced = stage.written.change((name, raw), carried=False)
    await stage.link.hear(announced)
    stage.written.away = True
    await stage.feed.want("orders")
    stage.written.away = False
    assert stage.written.head is not None
    await stage.link.hear(encode(Announcement(stage.written.head)))
    retry = stage.adopted[-1].route("orders", "create").retry
    assert retry is not None
    assert retry.attempts == 7


async def test_a_deleted_document_is_out_of_force(stage: Stage) -> None:
    await stage.link.hear(stage.written.change(document(4)))
    await stage.link.hear(stage.written.change(("Service/billing", None)))
    assert stage.attempts == 2


async def test_a_burst_of_revisions_ends_at_the_newest(stage: Stage) -> None:
    for attempts in range(10):
        raw = stage.written.change(document(attempts))
        assert stage.link.handler is not None
        stage.link.handler(raw)
    await asyncio.sleep(1.0)
    assert (stage.attempts, stage.feed.revision) == (9, 10)


async def test_a_document_that_comes_to_concern_only_others_is_out_of_force(stage: Stage) -> None:
    await stage.link.hear(stage.written.change(rate_limit("billing")))
    assert stage.adopted[-1].rate_limits.calls("billing", "charge", "callee")
    await stage.link.hear(stage.written.change(rate_limit("orders"), concerns=("orders",)))
    assert not list(stage.adopted[-1].rate_limits.every())
