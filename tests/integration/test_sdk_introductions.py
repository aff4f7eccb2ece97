"""Who introduces itself to whom around a renewal: a reply says who it is from to who cannot know that yet."""

from __future__ import annotations

import asyncio

import pytest

from crossply import Mesh
from tests.support.meshes import Meshes
from tests.support.vouched import VouchedMeshes


class Pair:
    """A caller and a callee that know each other, where no store has anybody's credential."""

    def __init__(self, meshes: Meshes) -> None:
        self.vouched = VouchedMeshes(meshes)
        self.orders, self.web = self.vouched.new("orders"), self.vouched.new("web")
        self.running, self.go_on = asyncio.Event(), asyncio.Event()

        @self.orders.endpoint
        async def pay(number: int) -> int:
            return number

        @self.orders.endpoint
        async def wait(number: int) -> int:
            self.running.set()
            await self.go_on.wait()
            return number

    def renew(self, mesh: Mesh) -> None:
        """Have a mesh be issued other keys, which nobody is told of."""
        self.vouched.keys[mesh.service].renew(self.vouched.authority.holder(mesh.service, mesh.instance))

    async def meet(self) -> None:
        """Have calls go until neither says any more who it is."""
        for number in range(5):
            assert await self.web.call("orders.pay", {"number": number}) == number


@pytest.fixture
async def pair(meshes: Meshes) -> Pair:
    made = Pair(meshes)
    await made.vouched.start(made.orders, made.web)
    await made.meet()
    return made


async def test_a_reply_of_who_renewed_meanwhile_says_who_it_is_from(pair: Pair) -> None:
    waiting = asyncio.ensure_future(pair.web.call("orders.wait", {"number": 7}, timeout=5.0, idempotent=False))
    await pair.running.wait()
    pair.renew(pair.orders)
    pair.go_on.set()
    assert await waiting == 7


async def test_a_call_that_is_sealed_to_the_key_before_is_answered_by_who_says_who_it_is(pair: Pair) -> None:
    pair.renew(pair.orders)
    for number in range(3):
        assert await pair.web.call("orders.pay", {"number": number}, idempotent=False) == number


async def test_a_caller_that_renewed_introduces_itself_again(pair: Pair) -> None:
    pair.renew(pair.web)
    for number in range(3):
        assert await pair.web.call("orders.pay", {"number": number}, idempotent=False) == number
