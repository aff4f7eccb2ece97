"""The feed: other replicas' heads are followed, strangers' are not."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply.control.record import Announcement, development_key, encode, open_announcement
from crossply.tasks import Tasks
from crossply.wire.link import ConnectionEvent
from crossply_policy.parse import parse
from crossply_registry.feed import Feed
from crossply_registry.revisions.log import RevisionLog
from tests.unit.registry.fakes import FakeLink, FakeStore, Pauses, service

KEY = development_key()


class Replica:
    """A feed and its revision log on a link."""

    def __init__(self, store: FakeStore, key: Ed25519PrivateKey = KEY) -> None:
        self.link = FakeLink(store=store)
        self.tasks = Tasks(lambda name, error: None)
        self.feed = Feed(self.link.as_link(), KEY.public_key(), self.tasks)
        self.log = RevisionLog(store, key, self.feed.announce, pause=Pauses())

    async def start(self) -> None:
        await self.log.refresh()
        await self.feed.start(self.log)

    async def stop(self) -> None:
        await self.tasks.aclose()
        await self.feed.aclose()

    async def put(self, name: str) -> None:
        document = parse(service(name))
        await self.log.apply(lambda _: {document.key: document}, author="ada", reason="")


async def test_a_newer_head_of_another_replica_is_followed() -> None:
    store = FakeStore()
    one, two = Replica(store), Replica(store)
    await one.start()
    await two.start()
    await one.put("a")
    two.feed.heard(one.link.heads[-1])
    assert two.feed.behind
    await two.feed.read(two.log)
    assert two.log.contents.place == (1, 1)
    await one.stop()
    await two.stop()


async def test_a_head_that_is_known_or_older_is_not_read() -> None:
    store = FakeStore()
    one = Replica(store)
    await one.start()
    old = one.log.beat()
    await one.put("a")
    one.feed.heard(old)
    one.feed.heard(one.link.heads[-1])
    assert not one.feed.behind
    await one.stop()


async def test_heads_that_the_registry_did_not_sign_are_ignored() -> None:
    one, stranger = Replica(FakeStore()), Replica(FakeStore(), Ed25519PrivateKey.generate())
    await one.start()
    await stranger.log.apply(lambda _: {"Service/a": parse(service("a"))}, author="eve", reason="")
    one.feed.heard(stranger.link.heads[-1])
    one.feed.heard(b"\xc1 nothing")
    assert not one.feed.behind
    await one.stop()


async def test_the_repeated_head_is_small_and_alone() -> None:
    one = Replica(FakeStore())
    await one.start()
    beat = one.log.beat()
    assert len(beat) <= 200
    announced = open_announcement(beat)
    assert (announced.record, announced.documents) == (b"", {})
    assert announced == Announcement(one.log.head)
    assert encode(announced) == beat
    await one.stop()


async def test_the_store_is_read_again_after_the_broker_was_away() -> None:
    one = Replica(FakeStore())
    await one.start()
    one.feed.connection(ConnectionEvent.RECONNECTED)
    assert one.feed.behind
    await one.stop()


async def test_a_store_that_does_not_answer_is_asked_later() -> None:
    store = FakeStore()
    one = Replica(store)
    await one.start()
    store.available = False
    await one.feed.read(one.log)
    assert one.log.contents.place == (1, 0)
    await one.stop()


async def test_a_history_that_broke_is_remembered_as_the_fault() -> None:
    store = FakeStore()
    one = Replica(store)
    await one.start()
    store.entries.clear()
    await one.feed.read(one.log)
    assert one.log.fault is not None
    await one.stop()
