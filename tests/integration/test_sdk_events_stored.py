"""An event is judged by the time at which it was stored: who published it may have lost every right since."""

from __future__ import annotations

import asyncio
import time

import pytest

from crossply import Mesh
from crossply.seal.revoked import Revoked, Void
from tests.support.meshes import Meshes
from tests.support.provider import Provider
from tests.support.vouched import VouchedKeys, VouchedMeshes
from tests.support.waiting import eventually


def listening(vouched: VouchedMeshes, got: list[str]) -> Mesh:
    orders = vouched.new("orders")

    @orders.on("shop.*")
    async def sold(text: str) -> None:
        got.append(text)

    return orders


async def test_what_was_stored_before_its_publishers_credential_ended_is_delivered_and_no_more(
    meshes: Meshes, provider: Provider
) -> None:
    vouched, got = VouchedMeshes(meshes), list[str]()
    await provider.ensure(consumers=(("orders", "shop.*"),))
    ends = int(time.time()) + 2
    web = vouched.new("web", said={"not_after": ends})
    await vouched.start(web)
    await web.publish("shop.sold", "in time")
    assert time.time() < ends
    await asyncio.sleep(ends - time.time() + 0.1)
    await web.publish("shop.sold", "too late")
    await vouched.start(listening(vouched, got))
    await eventually(lambda: got == ["in time"])
    assert await eventually(lambda: vouched.reasons("orders")) == ["credential_expired"]
    assert got == ["in time"]


async def test_what_was_stored_before_its_publisher_was_revoked_is_delivered_and_no_more(
    meshes: Meshes, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    vouched, got = VouchedMeshes(meshes), list[str]()
    await provider.ensure(consumers=(("orders", "shop.*"),))
    web, orders = vouched.new("web"), listening(vouched, got)
    await vouched.start(web)
    await web.publish("shop.sold", "in time")
    await asyncio.sleep(1.1)  # a list counts in seconds
    since = int(time.time())
    await web.publish("shop.sold", "too late")
    own = vouched.keys["web"].own
    identity = vouched.keys["web"].credentials.learn(own.raw).peer.identity
    revoked = Revoked(1, {}, {identity: Void(until=since, since=since, barred=True)})
    give = vouched.authority.keys

    def given(service: str, instance: str) -> VouchedKeys:
        made = give(service, instance)
        made.credentials.adopt(revoked)
        return made

    monkeypatch.setattr(vouched.authority, "keys", given)
    await vouched.start(orders)
    await eventually(lambda: got == ["in time"])
    assert await eventually(lambda: vouched.reasons("orders")) == ["credential_revoked"]
    assert got == ["in time"]
