"""Garbage and lies on every subject that the SDK listens on: refused, logged, and of no consequence."""

from __future__ import annotations

import random
from dataclasses import replace

import msgspec
import pytest
from structlog.typing import EventDict

from crossply import Mesh
from crossply.control import record
from crossply.control.record import Announcement, Head
from crossply.handler import Kind, Request, Response
from crossply.wire import credential, envelope, message, presence
from crossply.wire.credential import Credential
from crossply.wire.presence import Bye, Hello
from crossply.wire.senders import Sender, Senders
from tests.support.meshes import Meshes
from tests.support.plain_client import PlainClient
from tests.support.waiting import eventually

LIAR = Credential(identity="spiffe://mesh.local/t/default/svc/liar", instance="aaaaaaaaaaaa")


def sender(who: Credential = LIAR) -> Sender:
    return Sender(who)


def spoken(body: bytes, who: Credential = LIAR) -> bytes:
    """An event envelope with a body, as presence travels."""
    said = sender(who).stamp(Kind.EVENT, bytes(16), 0)
    said.body = body
    return envelope.pack(said)


def request(*, endpoint: str = "create") -> bytes:
    asked = Request(f"orders.{endpoint}", b"\x80", id=bytes(16), deadline=5.0)
    return message.pack_request(sender(), asked, now=0.0)


async def shop(meshes: Meshes) -> tuple[Mesh, Mesh, list[str]]:
    orders = meshes.new("orders")
    ran: list[str] = []

    @orders.endpoint
    async def create(who: str = "") -> str:
        ran.append(who)
        return "created"

    await meshes.start(orders)
    caller = await meshes.client("web")
    await caller.call("orders.create", {"who": "before"})
    return orders, caller, ran


async def test_garbage_on_every_subject_costs_nothing(meshes: Meshes, plain: PlainClient) -> None:
    orders, caller, ran = await shop(meshes)
    chance = random.Random(4)
    good = request()
    subjects = [
        "mesh.rpc.orders.any.create",
        f"mesh.rpc.orders.i-{orders.instance}.create",
        f"mesh.rpc.orders.i-{orders.instance}.nothing",
        f"_INBOX.web.{caller.instance}.1",
        f"_INBOX.web.{caller.instance}.l1",
        f"_INBOX.web.{caller.instance}.no-such-token",
        "mesh.hb.orders.who",
        f"mesh.hb.orders.{orders.instance}",
        "mesh.ctl.head",
        "$SRV.PING.orders",
    ]
    for subject in subjects:
        for _ in range(40):
            await plain.publish(subject, b"\xe7\x01" + chance.randbytes(chance.randrange(300)), reply="_INBOX.liar.x.y")
            await plain.publish(subject, good[: chance.randrange(1, len(good))], reply="_INBOX.liar.x.y")
            flipped = bytearray(good)
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
            await plain.publish(subject, bytes(flipped), reply="_INBOX.liar.x.y")
        await plain.publish(subject, b"")
    await plain.flush()
    assert await caller.call("orders.create", {"who": "after"}) == "created"
    assert set(ran) <= {"before", "after"}
    assert (caller.link.connected, orders.link.connected) == (True, True)


async def test_a_reply_is_sent_to_nobodys_inbox_but_the_senders(
    meshes: Meshes, plain: PlainClient, logs: list[EventDict]
) -> None:
    _, caller, ran = await shop(meshes)
    for reply in (f"_INBOX.web.{caller.instance}.1", "orders.secret", "_INBOX.liar.bbbbbbbbbbbb.1"):
        await plain.publish("mesh.rpc.orders.any.create", request(), reply=reply)
    # The reply subject in the envelope is another than the message's.
    await plain.publish("mesh.rpc.orders.any.create", request(), reply="_INBOX.liar.x.1")
    # The endpoint in the envelope is another than the subject's.
    inbox = "_INBOX.liar.aaaaaaaaaaaa.1"
    await plain.publish("mesh.rpc.orders.any.create", request(endpoint="delete"), reply=inbox)
    await plain.flush()
    await eventually(lambda: len([each for each in logs if each["event"] == "wire_fault"]) >= 5)
    assert ran == ["before"]


async def test_no_subject_that_is_like_an_endpoints_runs_it(meshes: Meshes, plain: PlainClient) -> None:
    orders, caller, ran = await shop(meshes)
    own = f"mesh.rpc.orders.i-{orders.instance}"
    for subject in (
        "mesh.rpc.orders.any.*",
        "mesh.rpc.orders.any.>",
        "mesh.rpc.*.any.create",
        "mesh.rpc.>",
        "mesh.rpc.orders..create",
        "mesh.rpc.orders.any.Create",
        "mesh.rpc.orders.any.cr\u0435ate",
        f"{own}.*",
        f"{own}.>",
        f"{own}.CREATE",
        f"{own}.create\0",
        f"{own}.cr\u0435ate",
        f"{own}.create\u2028",
    ):
        for payload in (b'{"who": "plain"}', request(endpoint=subject.rpartition(".")[2])):
            await plain.publish(subject, payload, reply="_INBOX.liar.aaaaaaaaaaaa.1")
    await plain.flush()
    assert await caller.call("orders.create", {"who": "after"}) == "created"
    assert ran == ["before", "after"]
    assert orders.link.connected


DEPUTIES = [
    "mesh.rpc.orders.any.create",
    "mesh.evt.orders.created",
    "mesh.ctl.head",
    "$JS.API.STREAM.LIST",
    "_INBOXES.a",
]


async def test_nobody_has_an_answer_sent_to_where_it_would_be_more_than_an_answer(
    meshes: Meshes, plain: PlainClient, logs: list[EventDict]
) -> None:
    orders, caller, ran = await shop(meshes)
    seen, asked = [await plain.tap(subject) for subject in DEPUTIES], request()
    for reply in DEPUTIES:
        for subject in ("mesh.rpc.orders.any.create", f"mesh.rpc.orders.i-{orders.instance}.create"):
            await plain.publish(subject, b'{"who": "plain"}', reply=reply)
            await plain.publish(subject, asked, reply=reply)
        for subject in ("$SRV.PING", "$SRV.INFO.orders", "mesh.hb.orders.who"):
            await plain.publish(subject, b"", reply=reply)
    await plain.flush()
    await eventually(lambda: len([each for each in logs if each["event"] == "wire_fault"]) >= 4 * len(DEPUTIES))
    assert await caller.call("orders.create", {"who": "after"}) == "created"
    await plain.flush()
    assert ran == ["before", "after"]
    # Those that were said above, and the call.
    said = [each for heard in seen for each in heard if each not in {b"", asked} and b"plain" not in each]
    assert len(said) <= 1


@pytest.mark.parametrize("lie", [Bye("orders", "?"), Hello("orders", "?")], ids=["bye", "hello"])
async def test_nobody_can_speak_for_another_instance(meshes: Meshes, plain: PlainClient, lie: Bye | Hello) -> None:
    orders, caller, _ = await shop(meshes)
    callee = caller.running.catalog.callee("orders")
    await eventually(lambda: orders.instance in callee.instances)
    known = callee.instances[orders.instance].endpoints
    body = presence.encode(msgspec.structs.replace(lie, instance=orders.instance))
    await plain.publish(f"mesh.hb.orders.{orders.instance}", spoken(body))
    await plain.flush()
    assert await caller.call("orders.create") == "created"
    assert callee.instances[orders.instance].endpoints == known


async def test_a_reply_of_another_service_is_not_believed() -> None:
    asked = Request("orders.create", id=bytes(16))
    liar = sender()
    raw = message.pack_response(liar, bytes(16), Response(), bytes(16))
    with pytest.raises(Exception, match="came from liar"):
        message.open_response(raw, asked, Senders())


async def test_forged_policy_is_dropped_and_said(meshes: Meshes, plain: PlainClient, logs: list[EventDict]) -> None:
    orders, caller, _ = await shop(meshes)
    forged = Announcement(Head(9, 9, "0" * 64, bytes(64)))
    await plain.publish("mesh.ctl.head", record.encode(forged))
    await plain.flush()
    await eventually(lambda: [each for each in logs if each["event"] == "announcement_dropped"])
    assert (orders.status()["revision"], caller.status()["revision"]) == (0, 0)


async def test_a_credential_that_is_not_the_one_named_is_refused() -> None:
    said = envelope.unpack(spoken(b""))
    said.tlvs[envelope.CREDENTIAL] = credential.pack(replace(LIAR, instance="bbbbbbbbbbbb"))
    with pytest.raises(envelope.EnvelopeFault):
        Senders().peer(said)
