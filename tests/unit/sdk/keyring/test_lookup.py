"""Credentials by their ids: one question for many messages, few for ids that mean nothing."""

from __future__ import annotations

import asyncio

from crossply.keyring.lookup import ABSENT_FOR, AT_ONCE, place
from tests.unit.sdk.keyring.world import World


async def test_a_credential_is_read_once_by_its_id_and_what_lies_there_must_be_it(world: World) -> None:
    other = world.feeding.authority.holder("web", "m7q2mzp4x3ac")
    third = world.feeding.authority.holder("web", "p7q2mzp4x3ac")
    store = world.link.keys.credentials
    store.put(place(other.cid), other.raw)
    store.put(place(third.cid), other.raw)
    found = await asyncio.gather(*(world.feed.credential(other.cid) for _ in range(20)))
    assert {member.raw for members in found for member in members} == {other.raw}
    assert store.reads == [place(other.cid)]
    assert await world.feed.credential(third.cid) == ()


async def test_ids_that_mean_nothing_cost_few_questions_at_a_time_and_one_a_second(world: World) -> None:
    store = world.link.keys.credentials
    assert await world.feed.credential(bytes(8)) == ()
    assert await world.feed.credential(bytes(8)) == ()
    assert len(store.reads) == 1
    world.now.now += ABSENT_FOR
    await world.feed.credential(bytes(8))
    assert len(store.reads) == 2
    store.available = False
    many = (world.feed.credential(each.to_bytes(8, "big")) for each in range(1, 100))
    assert set(await asyncio.gather(*many)) == {()}
    assert len(store.reads) == 2
    store.available = True
    world.now.now += ABSENT_FOR
    await asyncio.gather(*(world.feed.credential(each.to_bytes(8, "big")) for each in range(1, 100)))
    assert len(store.reads) == 2 + AT_ONCE
