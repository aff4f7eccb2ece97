"""Keys over a real broker: public ones in the store, private ones wrapped for each process, rotation under traffic."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from crossply import Mesh
from crossply.handler import Kind
from crossply.identity.member import Member
from crossply.keyring.feed import KeyFeed
from crossply.keyring.keyring import Keyring
from crossply.seal.events import EventOpener
from crossply.seal.opener import Opener
from crossply.seal.sealer import Sealer, unix_ms
from crossply.wire import envelope, subjects
from crossply.wire.envelope import tlv
from crossply_registry.authority.bootstrap.init import Bootstrap, Wanted
from tests.support.authority_process import AuthorityProcess, CalloutProcess, initialised
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import WEB_TO_ORDERS, Closed, access
from tests.support.waiting import eventually

EPOCH = 2.0
CHANNELS = (
    access("orders-publishes", ["orders"], {"channel": "orders.>", "actions": ["publish"]}),
    access("web-subscribes", ["web"], {"channel": "orders.*", "actions": ["subscribe"]}),
)
MID = bytes(range(16))


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[Closed]:
    out = initialised(tmp_path / "mesh", "orders", "web")
    with ClosedBroker(out) as broker:
        async with AuthorityProcess(out, tmp_path / "authority", broker.url, epoch=EPOCH) as authority:
            await authority.ready()
            made = Closed(broker, authority, out, tmp_path / "state")
            async with made.policies() as policies:
                for document in (WEB_TO_ORDERS, *CHANNELS):
                    await policies.apply(document)
            yield made


def member(mesh: Mesh) -> Member:
    found = mesh.running.member
    assert isinstance(found, Member)
    return found


def feed(mesh: Mesh) -> KeyFeed:
    found = mesh.running.keys
    assert found is not None
    return found


def begins_last(keyring: Keyring) -> int:
    assert keyring.private is not None
    return keyring.private.service.epochs[-1].begins


class Sealing:
    """Seals calls of one mesh to whichever instance of another's service, and opens them there."""

    def __init__(self, caller: Mesh, callee: Mesh) -> None:
        self.caller, self.callee = member(caller).keyring, member(callee).keyring
        self.sealer = Sealer(self.caller.own, self.caller.lineage)
        self.caller.on_renewal(self.sealer.renew)
        self.opener = Opener(self.callee.ring, self.callee.credentials, self.callee.lineage)
        self.reply = subjects.inbox(caller.service, member(caller).instance).encode() + b"1f"
        self.subject = subjects.any_instance(callee.service, "quote").encode()
        self.service = callee.service
        self.kids: set[bytes] = set()

    def call(self, sealed_at: int | None = None) -> None:
        to = self.caller.recipient(self.service)
        assert to is not None
        self.kids.add(to.kid)
        block = tlv(envelope.OPERATION, b"quote") + self.caller.own.credential + tlv(envelope.REPLY_SUBJECT, self.reply)
        payload = self.sealer.seal_request(to, Kind.REQUEST, self.subject, 5000, MID, block, b"\0\0hello")
        opened = self.opener.open_request(payload, self.subject, self.reply)
        assert not opened.strict
        assert opened.member.peer.service == "web"


async def test_a_caller_seals_to_a_service_by_its_epoch_and_any_instance_of_it_opens(closed: Closed) -> None:
    async with closed.orders() as orders, closed.orders() as other, closed.web() as web:
        assert await feed(web).want("orders") is not None
        assert await feed(web).want("nobody") is None
        Sealing(web, orders).call()
        Sealing(web, other).call()


async def test_keys_turn_under_traffic_and_every_call_opens(closed: Closed) -> None:
    async with closed.orders() as orders, closed.web() as web:
        await feed(web).want("orders")
        sealing = Sealing(web, orders)
        made = 0
        until = asyncio.get_running_loop().time() + 5 * EPOCH
        renewed = False
        while asyncio.get_running_loop().time() < until:
            sealing.call()
            assert await web.call("orders.quote", {"number": made}, timeout=5.0) == made + 1
            made += 1
            if not renewed and len(sealing.kids) == 2:
                renewed = await member(web).renew(lambda raw: _ask(web, raw))
        print(f"{made} calls over {len(sealing.kids)} epochs")
        assert renewed
        assert len(sealing.kids) >= 4
        # The next epoch is known ahead of its time, on both sides.
        await eventually(lambda: sealing.caller.outlived()[1] == [] and not sealing.callee.outlived()[0])


async def test_of_two_replicas_each_gives_what_whichever_was_first_has_made(closed: Closed, tmp_path: Path) -> None:
    async with AuthorityProcess(closed.out, tmp_path / "other", closed.broker.url, epoch=EPOCH) as other:
        await other.ready()
        async with closed.orders() as orders, closed.orders(authority=other.url) as second, closed.web() as web:
            await feed(web).want("orders")
            numbers = [member(web).keyring.seen["orders"]]
            to_one, to_other = Sealing(web, orders), Sealing(web, second)
            until = asyncio.get_running_loop().time() + 3 * EPOCH
            while asyncio.get_running_loop().time() < until:
                to_one.call()
                to_other.call()
                numbers.append(member(web).keyring.seen["orders"])
                await asyncio.sleep(0.01)
            assert to_one.kids == to_other.kids
            assert len(to_one.kids) >= 3
            assert numbers == sorted(numbers)


async def test_subscribers_open_what_publishers_seal_and_no_one_else_is_given_the_keys(closed: Closed) -> None:
    async with closed.orders() as orders, closed.web() as web:
        group = await feed(orders).want_channel("orders.created")
        assert group is not None
        assert await feed(web).want_channel("orders.created") is None
        assert await feed(orders).want_channel("orders.*", subscribe=True) is group, "who publishes has them already"
        given = await feed(web).want_channel("orders.*", subscribe=True)
        assert given is not None
        keyring = member(orders).keyring
        channel = subjects.channel("orders.created").encode()
        block = tlv(envelope.OPERATION, b"orders.created") + keyring.own.credential
        raw = Sealer(keyring.own, keyring.lineage).seal_event(group, channel, MID, block, b"\0\0hello")
        opened = EventOpener(member(web).keyring.credentials, keyring.lineage).open_event(
            raw, channel, given, unix_ms()
        )
        assert opened.member.peer.service == "orders"
        before = given
        await eventually(lambda: member(web).keyring.group("orders.created") is not before, 3 * EPOCH)


@asynccontextmanager
async def running(*meshes: Mesh) -> AsyncGenerator[None]:
    """Start them at the same time: each begins to serve some seconds after its start."""
    try:
        await asyncio.gather(*(each.start() for each in meshes))
        yield
    finally:
        for each in meshes:
            await each.stop()


async def test_after_a_restart_without_any_authority_the_keys_are_those_that_were_kept(
    closed: Closed, tmp_path: Path
) -> None:
    async with CalloutProcess(closed.out, tmp_path / "callout", closed.broker.url) as callout:
        await callout.ready()
        async with closed.orders() as orders, closed.web() as web:
            await feed(web).want("orders")
            number = member(web).keyring.seen["orders"]
            await eventually(lambda: member(web).keyring.seen["orders"] > number)
            # Whoever is away while keys turn, and finds no authority then, lacks them: here none turned meanwhile.
            own = member(orders).keyring
            await eventually(lambda: begins_last(own) - unix_ms() > 800)
            closed.authority.program.kill()
        again, web, began = closed.orders(), closed.web(), unix_ms()
        async with running(again, web):
            keyring = member(again).keyring
            assert keyring.since >= began + 5000
            assert member(web).keyring.seen["orders"] > number
            to = await feed(web).want("orders")
            assert to is not None
            assert keyring.ring.find(to.kid, unix_ms()) is not None


async def test_the_registrys_key_is_replaced_while_services_run(closed: Closed, tmp_path: Path) -> None:
    async with closed.orders() as orders:
        async with closed.registry(tmp_path / "registry") as before:
            await before.ready()
            first = (await before.put("orders", {"timeout": {"total": 2}})).json()["revision"]
            await eventually(lambda: orders.status()["revision"] == first)
        number = member(orders).signers.number
        Bootstrap(Wanted(out=closed.out, new_signing_key=True), {}).run()
        await eventually(lambda: member(orders).signers.number > number, 10.0)
        async with closed.registry(tmp_path / "registry") as after:
            await after.ready()
            second = (await after.put("orders", {"timeout": {"total": 3}}, "*")).json()["revision"]
            assert second > first
            await eventually(lambda: orders.status()["revision"] == second)
        async with closed.web() as web:
            await eventually(lambda: web.status()["revision"] == second)


async def _ask(mesh: Mesh, raw: bytes) -> bytes:
    from crossply.identity.asking import asking

    return await asking(mesh.running.routes.outbound, mesh.running.now)(raw)
