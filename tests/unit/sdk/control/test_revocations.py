"""The list of what is revoked: taken from notices or the store, from an authority only, and never an older one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import msgspec
import pytest
from structlog.testing import capture_logs

from crossply.control import keys
from crossply.control.revocations import Notice, RevocationFeed
from crossply.seal.revoked import Revoked, Void, sign
from crossply.tasks import Tasks
from crossply.wire.link import Entry, Link, StoreUnavailable
from tests.unit.registry.fakes import FakeLink
from tests.unit.sdk.seal.members import Authority
from tests.unit.sdk.stage import settle

WEB = "spiffe://mesh.test/t/acme/svc/web"


class Stage:
    """A feed, what it adopted, and an authority."""

    def __init__(self) -> None:
        self.authority = Authority()
        self.link = FakeLink()
        self.tasks = Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}"))
        self.adopted: list[Revoked] = []
        self.feed = RevocationFeed(
            cast("Link", self.link), lambda: self.authority.trusted, self.adopted.append, self.tasks
        )

    def signed(self, number: int) -> bytes:
        return sign(Revoked(number, {}, {WEB: Void(number, number, barred=True)}), self.authority.key)

    async def hear(self, number: int, raw: bytes = b"") -> None:
        self.link.revoked.tell(msgspec.msgpack.encode(Notice(number, raw)))
        await settle()

    @property
    def numbers(self) -> list[int]:
        return [each.number for each in self.adopted]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    made = Stage()
    yield made
    await made.tasks.aclose()


async def test_what_lies_in_the_store_is_in_force_from_the_start(stage: Stage) -> None:
    stage.link.store.put(keys.REVOKED, stage.signed(3))
    await stage.feed.start()
    assert stage.numbers == [3]
    assert stage.adopted[0].barred == {WEB}


async def test_a_list_that_rides_along_is_taken_without_reading_the_store(stage: Stage) -> None:
    await stage.feed.start()
    stage.link.store.reads.clear()
    await stage.hear(1, stage.signed(1))
    assert (stage.numbers, stage.link.store.reads) == ([1], [])


async def test_the_repeated_number_alone_is_enough(stage: Stage) -> None:
    await stage.feed.start()
    stage.link.store.put(keys.REVOKED, stage.signed(2))
    await stage.hear(2)
    await stage.hear(2)
    assert stage.numbers == [2]


async def test_an_older_list_is_not_gone_back_to(stage: Stage) -> None:
    await stage.feed.start()
    await stage.hear(2, stage.signed(2))
    await stage.hear(1, stage.signed(1))
    await stage.hear(3, stage.signed(1))
    stage.link.store.entries[keys.REVOKED] = Entry(stage.signed(1), 9)
    await stage.feed.catch_up()
    assert stage.numbers == [2]


async def test_a_store_that_has_no_list_any_more_takes_none_away_and_is_said(stage: Stage) -> None:
    await stage.feed.start()
    await stage.hear(2, stage.signed(2))
    with capture_logs() as logs:
        await stage.feed.catch_up()
    assert stage.numbers == [2]
    assert [each["why"] for each in logs if each["event"] == "revocations_refused"] == [
        "the store holds none; 2 was seen before"
    ]


async def test_what_no_authority_signed_changes_nothing(stage: Stage) -> None:
    await stage.feed.start()
    await stage.hear(5, sign(Revoked(5), Authority().key))
    await stage.hear(5, b"garbage")
    stage.link.revoked.tell(b"\xc1")
    assert (stage.numbers, stage.feed.number) == ([], 0)
    await stage.hear(1, stage.signed(1))
    assert stage.numbers == [1]


async def test_a_store_that_does_not_answer_is_asked_again_at_the_next_notice(stage: Stage) -> None:
    async def away() -> None:
        raise StoreUnavailable("away")

    stage.link.store.once("get", keys.REVOKED, away)
    await stage.feed.start()
    stage.link.store.put(keys.REVOKED, stage.signed(1))
    await stage.hear(1)
    assert stage.numbers == [1]
