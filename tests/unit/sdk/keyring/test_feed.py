"""The feed of keys: asks once for many, hears what is announced, and looks again where an announcement was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from structlog.testing import capture_logs

from crossply.keyring.feed import ABSENT_FOR
from crossply.wire.link import ConnectionEvent
from tests.unit.sdk.keyring.ring import HOUR, NOW, key_set
from tests.unit.sdk.keyring.world import BOTH, World


async def test_many_that_want_a_services_keys_read_them_once(world: World) -> None:
    world.put("web", key_set(1, *BOTH))
    found = await asyncio.gather(*(world.feed.want("web") for _ in range(50)))
    assert found[0] is not None
    assert set(found) == {world.feeding.ring.recipient("web")}
    assert world.link.store.reads == ["keys.web"]
    assert world.kept == 1


async def test_a_service_without_keys_is_not_asked_for_again_within_a_second(world: World) -> None:
    assert await world.feed.want("web") is None
    world.put("web", key_set(1, *BOTH))
    assert await world.feed.want("web") is None
    world.now.now += ABSENT_FOR
    assert await world.feed.want("web") is not None


async def test_what_a_lagging_replica_says_is_read_from_the_leader(world: World) -> None:
    world.feed.start()
    world.put("web", key_set(5, *BOTH))
    await world.feed.want("web")
    for lagging in (5, 4):
        coming = world.feeding.ring.seen["web"] + 1
        world.put("web", key_set(lagging, *BOTH))

        async def leads(number: int = coming) -> None:
            world.put("web", key_set(number, *BOTH))

        async def answered(then: Callable[[], Awaitable[None]] = leads) -> None:
            world.link.store.once("get", "keys.web", then)

        # What the leader has is there when it is asked a second time.
        world.link.store.once("get", "keys.web", answered)
        world.announce(web=coming)
        await world.settle()
        assert world.feeding.ring.seen == {"web": coming}


async def test_an_older_state_in_the_store_is_refused_and_what_is_held_stays(world: World) -> None:
    world.feed.start()
    world.put("web", key_set(5, *BOTH))
    held = await world.feed.want("web")
    world.put("web", key_set(4, NOW + 1))
    with capture_logs() as logs:
        world.announce(web=6)
        await world.settle()
    assert [(each["event"], "went back from 5 to 4" in each["why"]) for each in logs] == [("keys_refused", True)]
    assert world.feeding.ring.recipient("web") == held


async def test_what_is_announced_is_read_by_those_who_want_it_and_by_nobody_else(world: World) -> None:
    world.feed.start()
    await world.settle()
    world.put("web", key_set(1, *BOTH))
    world.put("stock", key_set(1, *BOTH))
    await world.feed.want("web")
    world.link.store.reads.clear()
    world.put("web", key_set(2, *BOTH))
    world.announce(web=2, stock=2)
    await world.settle()
    assert world.link.store.reads == ["keys.web"]
    assert world.feeding.ring.seen["web"] == 2
    world.feed.unwant("web")
    world.announce(web=3)
    await world.settle()
    assert world.link.store.reads == ["keys.web"]


async def test_an_announcement_that_nobody_signed_is_dropped(world: World) -> None:
    world.feed.start()
    await world.settle()
    with capture_logs() as logs:
        world.link.keys.tell(b"junk")
    assert [each["event"] for each in logs] == ["announcement_dropped"]


async def test_private_keys_are_asked_for_at_the_start_when_announced_and_after_a_reconnect(world: World) -> None:
    world.feed.start()
    await world.settle()
    assert len(world.asked) == 1
    assert world.kept == 1
    world.announce(orders=1)
    await world.settle()
    assert len(world.asked) == 1
    world.own = key_set(2, *BOTH)
    world.announce(orders=2)
    await world.settle()
    assert len(world.asked) == 2
    world.link.happen(ConnectionEvent.RECONNECTED)
    await world.settle()
    assert len(world.asked) == 3
    assert world.kept == 2


async def test_what_changes_while_a_question_is_under_way_is_asked_for_once_more(world: World) -> None:
    world.feed.start()
    world.put("web", key_set(1, *BOTH))
    await world.feed.want("web")
    await world.settle()
    world.own, world.questions = key_set(2, *BOTH), 0
    world.announce(orders=2)
    while not world.questions:
        await asyncio.sleep(0)
    world.late, world.own = world.own, key_set(3, *BOTH)
    world.announce(orders=3)
    await world.settle()
    assert world.feeding.ring.private is not None
    assert world.feeding.ring.private.service.number == 3


async def test_what_was_announced_while_the_authority_was_away_is_asked_for_at_the_next_look(world: World) -> None:
    world.feed.start()
    world.put("web", key_set(1, *BOTH))
    await world.feed.want("web")
    await world.settle()
    world.down, world.link.store.available = True, False
    world.own = key_set(2, *BOTH)
    with capture_logs():
        world.announce(orders=2, web=2)
        await world.settle()
    world.down, world.link.store.available = False, True
    world.put("web", key_set(2, *BOTH))
    await world.look()
    assert world.feeding.ring.private is not None
    assert world.feeding.ring.private.service.number == 2
    assert world.feeding.ring.seen["web"] == 2


async def test_a_lost_announcement_is_made_up_for_once_the_next_key_has_begun(world: World) -> None:
    world.feed.start()
    world.put("web", key_set(1, *BOTH))
    await world.feed.want("web")
    await world.settle()
    await world.look()
    assert (len(world.asked), world.link.store.reads) == (1, ["keys.web"])
    world.feeding.clock.now += HOUR
    world.own = key_set(2, *BOTH, NOW + 2 * HOUR)
    world.put("web", key_set(2, *BOTH, NOW + 2 * HOUR))
    await world.look()
    assert world.feeding.ring.outlived() == (False, [])


async def test_an_authority_that_is_away_is_asked_again(world: World) -> None:
    world.down = True
    world.feed.start()
    with capture_logs() as logs:
        await world.settle()
    assert [each["event"] for each in logs] == ["keys_not_given"]
    world.down = False
    await world.look()
    assert len(world.asked) == 1
    assert world.feeding.ring.outlived()[0] is False


async def test_channels_are_asked_for_together_and_those_not_given_again_later(world: World) -> None:
    world.groups["orders"] = key_set(1, *BOTH)
    world.feed.start(["orders.*"])
    await world.settle()
    assert world.asked[-1].subscribes == ("orders.*",)
    assert world.feeding.ring.group("orders.created") is not None
    assert await world.feed.want_channel("orders.created") is not None
    assert len(world.asked) == 1
    assert await world.feed.want_channel("stock.moved") is None
    assert await world.feed.want_channel("stock.moved") is None
    assert len(world.asked) == 2
    assert world.asked[-1].publishes == ("stock.moved",)
    world.groups["stock"] = key_set(1, *BOTH)
    await world.look()
    assert await world.feed.want_channel("stock.moved") is not None
    assert world.feeding.ring.group("orders.created") is not None
