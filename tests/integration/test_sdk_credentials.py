"""Who knows whom: credentials travel until both ends have them, and again when one has forgotten."""

from __future__ import annotations

from crossply.handler import Request
from crossply.names import new_id
from crossply.wire import envelope, message
from crossply.wire.credential import Credential
from crossply.wire.senders import Sender
from tests.support.meshes import Meshes
from tests.support.plain_client import PlainClient
from tests.support.waiting import eventually

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MORE_THAN_ARE_KEPT = 5000


def is_introduced(raw: bytes) -> bool:
    return envelope.CREDENTIAL not in envelope.unpack(raw).tlvs


async def test_calls_of_two_that_know_each_other_carry_no_credential_either_way(
    meshes: Meshes, plain: PlainClient
) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def create() -> str:
        return "created"

    await meshes.start(orders)
    caller = await meshes.client("web")
    requests, replies = await plain.tap("mesh.rpc.orders.>"), await plain.tap("_INBOX.web.>")
    for _ in range(4):
        assert await caller.call("orders.create") == "created"

    def of_calls(seen: list[bytes]) -> list[bytes]:
        return [raw for raw in seen if envelope.unpack(raw).kind in (1, 2)]

    await eventually(lambda: len(of_calls(requests)) >= 4 and len(of_calls(replies)) >= 4)
    assert not is_introduced(of_calls(requests)[0])
    assert is_introduced(of_calls(requests)[-1])
    assert is_introduced(of_calls(replies)[-1])


async def test_an_instance_that_has_forgotten_its_caller_gets_the_call_again_and_runs_it_once(
    meshes: Meshes, plain: PlainClient
) -> None:
    orders, ran = meshes.new("orders"), list[str]()

    @orders.endpoint
    async def create(who: str = "") -> int:
        ran.append(who)
        return len(ran)

    await meshes.start(orders)
    caller = await meshes.client("web")
    for _ in range(3):
        await caller.call("orders.create", {"who": "web"})
    subject = f"mesh.rpc.orders.i-{orders.running.instance}.create"
    for number in range(MORE_THAN_ARE_KEPT):
        other = Credential(identity="spiffe://mesh.local/t/default/svc/others", instance=f"{number:012d}")
        asked = Request("orders.create", b"\x80", id=new_id(), deadline=5.0, traceparent=TRACE)
        reply = f"_INBOX.others.{number:012d}.1"
        await plain.publish(subject, message.pack_request(Sender(other), asked, now=0.0), reply=reply)
    await eventually(lambda: len(ran) == 3 + MORE_THAN_ARE_KEPT, 20.0)

    replies = await plain.tap("_INBOX.web.>")
    await caller.call("orders.create", {"who": "web"})
    await eventually(lambda: len(replies) == 2)
    assert b"need_credential" in replies[0]
    assert ran.count("web") == 4


async def test_who_is_not_known_is_told_in_its_inbox_and_nowhere_else(meshes: Meshes, plain: PlainClient) -> None:
    orders = meshes.new("orders")

    @orders.endpoint
    async def create() -> None:
        return None

    await meshes.start(orders)
    made = envelope.unpack(message.pack_request(Sender(Credential(identity="x", instance="y")), asked(), now=0.0))
    del made.tlvs[envelope.CREDENTIAL]
    inbox, elsewhere = await plain.tap("_INBOX.eve.>"), await plain.tap("mesh.evt.eve")
    for reply in ("mesh.evt.eve", "_INBOX.eve.aaaaaaaaaaaa.1"):
        await plain.publish("mesh.rpc.orders.any.create", envelope.pack(made), reply=reply)
    await eventually(lambda: inbox)
    assert b"need_credential" in inbox[0]
    assert elsewhere == []


def asked() -> Request:
    return Request("orders.create", b"\x80", id=new_id(), deadline=5.0)
