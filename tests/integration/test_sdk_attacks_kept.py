"""Poisoned deduplication: keys that somebody guesses, outcomes that somebody writes; none is taken for another's."""

# pyright: reportUnknownMemberType=false
# nats-py leaves parameters of these methods untyped

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import nats
import pytest
from nats.js.client import JetStreamContext
from nats.js.errors import APIError

from crossply import CallError, Mesh
from crossply.errors import Code
from crossply.protection.replies import Kept
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.provider import Provider
from tests.support.vouched import VouchedMeshes

STREAM = "KV_MESH_default_replies_orders"
CANARY = "canary-in-a-kept-reply"


class Shop:
    """Orders, which keeps its replies, and how often it ran."""

    def __init__(self, vouched: VouchedMeshes) -> None:
        self.vouched = vouched
        self.ran: list[str] = []

    def orders(self) -> Mesh:
        mesh = self.vouched.new("orders")

        @mesh.endpoint(idempotency="kv")
        async def pay(number: int) -> str:
            self.ran.append(mesh.instance)
            return f"{CANARY} {number}"

        return mesh

    async def client(self, service: str) -> Mesh:
        mesh = self.vouched.new(service)
        await self.vouched.start(mesh)
        return mesh


@pytest.fixture
async def shop(meshes: Meshes, provider: Provider) -> Shop:
    assert provider.link.connected
    made = Shop(VouchedMeshes(meshes))
    await made.vouched.start(made.orders())
    return made


@pytest.fixture
async def store(broker: Broker) -> AsyncIterator[JetStreamContext]:
    """What whoever runs the broker may do with what is kept."""
    client = await nats.connect(broker.url)
    yield client.jetstream()
    await client.close()


async def pay(mesh: Mesh, number: int = 7, key: str = "order-42") -> str:
    return await mesh.call("orders.pay", {"number": number}, idempotency_key=key, returns=str, timeout=3.0)


async def values(store: JetStreamContext) -> dict[str, bytes]:
    """Return what is kept, by its subject."""
    last = (await store.stream_info(STREAM)).state.last_seq
    found = [await store.get_msg(STREAM, sequence) for sequence in range(last, last + 1)]
    return {each.subject or "": each.data or b"" for each in found}


async def test_a_kept_reply_is_told_to_its_caller_and_is_readable_to_nobody_else(
    shop: Shop, store: JetStreamContext
) -> None:
    web = await shop.client("web")
    assert await pay(web) == f"{CANARY} 7"
    await shop.vouched.start(shop.orders())
    assert [await pay(web) for _ in range(5)] == [f"{CANARY} 7"] * 5
    assert len(shop.ran) == 1
    kept = await values(store)
    assert len(kept) == 1
    assert all(CANARY.encode() not in value for value in kept.values())


async def test_a_key_that_another_caller_guesses_is_another_key(shop: Shop) -> None:
    web, spy = await shop.client("web"), await shop.client("spy")
    # Before web uses it, with another body: where keys were shared web would now be refused.
    assert await pay(spy, 8) == f"{CANARY} 8"
    assert await pay(web, 7) == f"{CANARY} 7"
    assert await pay(spy, 8) == f"{CANARY} 8"
    with pytest.raises(CallError) as refused:
        await pay(spy, 7)
    assert refused.value.code is Code.FAILED_PRECONDITION
    assert len(shop.ran) == 2


async def test_an_outcome_that_the_broker_writes_is_told_to_nobody_and_nothing_runs_on_it(
    shop: Shop, store: JetStreamContext
) -> None:
    web = await shop.client("web")
    await pay(web)
    await pay(web, 8, "another")
    [(subject, other)] = (await values(store)).items()
    digest = b"d" * 16
    lies = [msgspec.msgpack.encode(Kept(digest, done=True, body=b"\xa5a lie")), b"", other[:-1], other + b"\0", b"\xc0"]
    first = (await store.get_msg(STREAM, 2)).data or b""
    assert first != other
    for lie in (*lies, first):  # the last is an outcome of orders', moved to another call
        await store.publish(subject, lie)
        with pytest.raises(CallError) as refused:
            await pay(web, 8, "another")
        assert refused.value.code is Code.UNAVAILABLE
        assert CANARY not in str(refused.value)
    assert len(shop.ran) == 2
    await store.publish(subject, other)
    assert await pay(web, 8, "another") == f"{CANARY} 8"


HEADERS = {
    "Nats-Rollup": "all",
    "Nats-TTL": "1s",
    "Nats-Schedule": "@every 1s",
    "Nats-Schedule-Target": "mesh.evt.shop.sold",
    "Nats-Batch-Id": "1",
}


@pytest.mark.parametrize("header", HEADERS)
async def test_no_header_of_a_publisher_removes_moves_or_repeats_what_is_stored(
    shop: Shop, provider: Provider, store: JetStreamContext, header: str
) -> None:
    await provider.ensure(families=("shop",))
    web = await shop.client("web")
    for number in range(3):
        await web.publish("shop.sold", number)
    said = {header: HEADERS[header]} | ({"Nats-Schedule": "@every 1s"} if header == "Nats-Schedule-Target" else {})
    with pytest.raises(APIError):
        await store.publish("mesh.evt.shop.sold", b"x", headers=said)
    assert (await store.stream_info("MESH_EVT_shop")).state.messages == 3
