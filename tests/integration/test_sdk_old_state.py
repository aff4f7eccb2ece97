"""A broker that shows an old state of the store: nobody goes back to it, and it is noticed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import pytest
from structlog.typing import EventDict

from crossply import Mesh
from crossply.control import keys
from crossply.control.feed import PolicyFeed
from crossply.handler import Kind
from crossply.identity.member import Member
from crossply.keyring.places import public_keys
from crossply.names import new_id
from crossply.seal.refusal import refusal
from crossply.wire import envelope, subjects
from crossply.wire.envelope import tlv
from tests.support.authority_process import AuthorityProcess, initialised
from tests.support.betrayed_mesh import DOCUMENTS, SERVICES, Betrayed
from tests.support.closed_broker import ClosedBroker
from tests.support.closed_mesh import Closed
from tests.support.lies import OldAnswers
from tests.support.malicious_broker import MaliciousBroker
from tests.support.old_state import OldState
from tests.support.policies import Policies
from tests.support.vouched import sealing
from tests.support.waiting import eventually

EPOCH = 3.0


class Scene:
    """The mesh, who writes its policy, and the authority."""

    def __init__(self, mesh: Betrayed, policies: Policies, authority: AuthorityProcess) -> None:
        self.mesh, self.policies, self.authority = mesh, policies, authority
        self.broker = mesh.broker
        self.orders, self.stock, self.web = mesh.orders[0], mesh.stock, mesh.web

    async def remember(self, *names: str) -> OldState:
        """Return what the store has now under these keys."""
        return await OldState().remember(self.policies.store, names)

    async def revoke(self, service: str) -> None:
        """Do what `crossply identity revoke` does."""
        headers = {"Authorization": f"Bearer {(self.authority.out / 'operator' / 'token').read_text().strip()}"}
        answer = await self.authority.api.post(f"/v1/identities/{service}/revoke", json={}, headers=headers)
        assert answer.status_code == 200, answer.text

    def cut(self, mesh: Mesh) -> None:
        """End a member's connection: over the next one it reads what it may have missed."""
        self.broker.session(mesh.service, mesh.instance).cut()

    def injected(self, caller: Mesh, callee: Mesh, number: int) -> tuple[str, bytes]:
        """Deliver a call that a caller seals now, whatever the broker thinks of it; return where its answer goes."""
        to = sealing(callee).keys.credentials.learn(sealing(callee).keys.own.raw).recipient
        subject = subjects.one_instance("orders", callee.instance, "square")
        reply, mid = f"{subjects.inbox(caller.service, caller.instance)}fff{number:x}", new_id()
        said = (tlv(envelope.OPERATION, b"square"), sealing(caller).keys.own.credential)
        block = b"".join((*said, tlv(envelope.REPLY_SUBJECT, reply.encode())))
        content = b"\0\0\x81\xa6number" + bytes((number,))
        sealer = sealing(caller).sealer
        payload = sealer.seal_request(to, Kind.REQUEST, subject.encode(), 5000, mid, block, content)
        self.broker.inject(self.broker.session("orders", callee.instance), subject, reply, payload)
        return reply, mid

    async def answer(self, reply: str) -> bytes:
        """Return what was answered."""
        return (await eventually(lambda: [each.data for each in self.broker.heard if each.subject == reply]))[0]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    out = initialised(tmp_path / "mesh", *SERVICES, "shop")
    with ClosedBroker(out) as broker:
        async with AuthorityProcess(out, tmp_path / "authority", broker.url, epoch=EPOCH) as authority:
            await authority.ready()
            closed = Closed(broker, authority, out, tmp_path / "state")
            async with closed.policies() as policies, MaliciousBroker(closed) as between:
                await policies.apply(*DOCUMENTS)
                async with Betrayed(closed, between) as mesh:
                    await mesh.works_again()
                    yield Scene(mesh, policies, authority)


def refused(mesh: Mesh) -> str:
    """Return why the newest revision could not be used: a member's heartbeats tell the registry."""
    feed: PolicyFeed = vars(mesh.running)["_feed"]
    return feed.refused


def said(logs: list[EventDict], event: str) -> list[str]:
    return [str(each["why"]) for each in logs if each["event"] == event]


async def test_policy_does_not_go_back_and_each_process_says_who_tried(scene: Scene, logs: list[EventDict]) -> None:
    old = await scene.remember(keys.HEAD)
    await scene.policies.beat()
    heard = scene.broker.delivered
    announced = (await eventually(lambda: [each for _, each in heard if each.subject == "mesh.ctl.head"]))[-1]
    revision = await scene.policies.apply({"kind": "Service", "name": "orders", "spec": {"timeout": {"total": 2}}})
    members = (scene.orders, scene.web)
    await eventually(lambda: {each.status()["revision"] for each in members} == {revision})

    scene.broker.old = old
    scene.cut(scene.orders)  # this one reads the store when it is back
    scene.broker.inject(scene.broker.session("web"), announced.subject, "", announced.data)  # and this one hears of it
    await eventually(lambda: all("went back" in refused(each) for each in members), 10.0)
    assert {each.status()["revision"] for each in members} == {revision}
    assert old.shown[keys.HEAD] >= 4, "the leader is asked as well"
    assert len(said(logs, "policy_refused")) == 2

    scene.broker.old = None
    following = await scene.policies.apply({"kind": "Service", "name": "orders", "spec": {"timeout": {"total": 3}}})
    await eventually(lambda: [each.status()["revision"] for each in members] == [following] * 2)
    assert [refused(each) for each in members] == ["", ""]


async def test_who_is_revoked_stays_refused_though_the_list_that_is_shown_is_old(
    scene: Scene, logs: list[EventDict]
) -> None:
    await scene.revoke("shop")
    number = await eventually(lambda: sealing(scene.orders).keys.credentials.revoked.number)
    old = await scene.remember(keys.REVOKED)
    before, _ = scene.injected(scene.stock, scene.orders, 101)
    assert (await scene.answer(before))[3] == Kind.RESPONSE, "before, it is served"
    await scene.revoke("stock")
    await eventually(lambda: sealing(scene.orders).keys.credentials.revoked.number > number)
    newest = sealing(scene.orders).keys.credentials.revoked.number

    scene.broker.old = old
    scene.cut(scene.orders)
    await eventually(lambda: [each for each in said(logs, "revocations_refused") if "is older than" in each], 10.0)
    assert sealing(scene.orders).keys.credentials.revoked.number == newest
    await eventually(
        lambda: scene.broker.session("orders", scene.orders.instance).sid(OWN.format(scene.orders.instance))
    )
    scene.mesh.reasons()
    after, mid = scene.injected(scene.stock, scene.orders, 103)
    assert await scene.answer(after) == refusal(mid)
    assert scene.mesh.reasons()["credential_revoked"] == 1
    assert (scene.orders.instance, "square", 103, "stock") not in scene.mesh.ran


OWN = "mesh.rpc.orders.i-{}.square"


async def test_keys_of_a_service_do_not_go_back(scene: Scene, logs: list[EventDict]) -> None:
    old = await scene.remember(public_keys("orders"))
    keyring = cast("Member", scene.web.running.member).keyring
    first = keyring.seen["orders"]
    await eventually(lambda: keyring.seen["orders"] > first, 3 * EPOCH)

    scene.broker.old = old
    scene.cut(scene.web)
    await eventually(lambda: [each for each in said(logs, "keys_refused") if "went back" in each], 10.0)
    assert keyring.seen["orders"] > first
    assert old.shown[public_keys("orders")] >= 2, "the leader is asked as well"
    scene.broker.old = None
    await scene.mesh.works_again()
    scene.mesh.check()


async def test_private_keys_do_not_go_back(scene: Scene, logs: list[EventDict]) -> None:
    keyring = cast("Member", scene.orders.running.member).keyring
    scene.broker.malice = old = OldAnswers(scene.broker, "authority", "keys")

    def number() -> int:
        return 0 if keyring.private is None else keyring.private.service.number

    before = number()
    await eventually(lambda: number() > before, 3 * EPOCH)
    first = number()
    await eventually(lambda: number() > first, 3 * EPOCH)
    old.lying, newest = True, number()
    await eventually(lambda: [each for each in said(logs, "keys_refused") if "went back" in each], 3 * EPOCH)
    assert number() == newest
    await scene.mesh.works_again()
    await eventually(lambda: number() > newest, 40.0)
