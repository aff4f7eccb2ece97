"""Who is not known is looked up in the store: over a real broker, and when somebody makes up ten thousand senders."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from crossply import Mesh
from crossply.wire import subjects
from crossply.wire.link import Entry
from crossply.wire.nats import NatsLink
from crossply.wire.sealed.link import SealedLink
from crossply.wire.sealed.lookup import RATE
from tests.support.broker import Broker
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed, closed_mesh
from tests.support.meshes import Meshes
from tests.support.tapped import Scene, Tap
from tests.support.vouched import VouchedMeshes

FLOOD = 10_000


def sealed(mesh: Mesh) -> SealedLink:
    found = cast("NatsLink", mesh.link).sealed
    assert found is not None
    return found


class Counting:
    """A store that counts what is asked of it."""

    def __init__(self, mesh: Mesh) -> None:
        lookup = vars(sealed(mesh))["_lookup"]
        self._store: Any = vars(lookup)["_store"]
        vars(lookup)["_store"] = self
        self.asked = 0

    async def get(self, key: str) -> Entry | None:
        self.asked += 1
        found: Entry | None = await self._store.get(key)
        return found


def forget(mesh: Mesh) -> None:
    """Have an instance forget whom it knows, as thousands of others would have it."""
    sealing = sealed(mesh).sealing
    sealing.opener.sessions.clear()
    known = vars(sealing.keys.credentials)
    known["_by_raw"].clear()
    known["_by_cid"].clear()


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Closed]:
    async with closed_mesh(tmp_path, ("orders", "web"), WEB_TO_ORDERS) as made:
        yield made


async def test_whoever_forgot_the_other_finds_it_in_the_store_and_no_call_fails(closed: Closed) -> None:
    async with closed.orders() as orders, closed.web() as web:
        for number in range(5):
            assert await web.call("orders.quote", {"number": number}) == number + 1
        counted = [Counting(orders), Counting(web)]
        for forgetful in (orders, web):
            forget(forgetful)
            calls = (web.call("orders.quote", {"number": number}, idempotent=False) for number in range(20))
            assert await asyncio.gather(*calls) == list(range(1, 21))
        assert [each.asked for each in counted] == [1, 1]


@pytest.fixture
async def scene(meshes: Meshes, broker: Broker) -> AsyncIterator[Scene]:
    async with Tap(broker) as tap:
        made = Scene(VouchedMeshes(meshes), tap)
        await made.vouched.start(made.orders, made.web)
        yield made


async def test_ten_thousand_senders_that_somebody_makes_up_cost_few_questions_and_no_honest_call(scene: Scene) -> None:
    await scene.captured()
    inbox, own = subjects.inbox("web", scene.web.instance), sealed(scene.web).sealing.keys.own.raw
    counted, said, began = Counting(scene.orders), 0, time.monotonic()
    for begin in range(0, FLOOD, 1000):
        assert await scene.web.call("orders.pay", {"number": begin}, timeout=5.0) == begin
        subject, _, fresh = await scene.captured()
        assert own not in fresh, "of two that know each other it does not say who it is from"
        for number in range(begin, begin + 1000):
            payload = fresh[:8] + os.urandom(8) + fresh[16:24] + os.urandom(32) + fresh[56:]
            await scene.tap.say(subject, f"{inbox}{number:08x}", payload)
        said += sum(reason == "credential_missing" for reason in scene.vouched.reasons("orders"))
    assert 0 < counted.asked <= RATE * (2 + time.monotonic() - began)
    assert said > 0
    print(f"{FLOOD} made up in {time.monotonic() - began:.1f} s: {counted.asked} questions")
