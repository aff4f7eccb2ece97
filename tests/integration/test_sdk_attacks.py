"""What somebody at the broker may do with sealed messages: copy, change, move, answer them; none is accepted."""

# pyright: reportUnknownMemberType=false
# nats-py leaves parameters of these methods untyped

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

import nats
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nats.aio.msg import Msg

from crossply import CallError, Mesh
from crossply.errors import Code
from crossply.seal.revoked import Revoked, sign
from crossply.wire import credential, subjects
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.policies import Policies
from tests.support.provider import Provider
from tests.support.vouched import VouchedMeshes, Vouching
from tests.support.waiting import eventually

Heard = tuple[str, str, bytes]


class Tap:
    """Somebody in the account who hears everything, and says again what it likes."""

    def __init__(self, broker: Broker) -> None:
        self._url = broker.url
        self.heard: list[Heard] = []
        self.answers: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._client = await nats.connect(self._url)

        async def hear(message: Msg) -> None:
            self.heard.append((message.subject, message.reply, message.data))

        # Not ">": whoever hears what is asked of the store takes its "no responders" away.
        for subjects_of in ("mesh.rpc.>", "mesh.evt.>", "_INBOX.>"):
            await self._client.subscribe(subjects_of, cb=hear)
        await self._client.flush()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._client.close()

    async def say(self, subject: str, reply: str, data: bytes) -> None:
        await self._client.publish(subject, data, reply=reply)
        await self._client.flush()

    async def request_to(self, begins: str) -> Heard:
        """Return the last message whose subject begins so."""
        return (await eventually(lambda: [each for each in self.heard if each[0].startswith(begins)]))[-1]

    async def answers_to(self, subject: str, number: int) -> list[bytes]:
        """Return the messages on a subject once there are so many."""

        def found() -> list[bytes]:
            return [data for at, _, data in self.heard if at == subject]

        await eventually(lambda: len(found()) >= number)
        return found()


class Scene:
    """Orders and web, who have met, and how often an endpoint of orders ran."""

    def __init__(self, vouched: VouchedMeshes, tap: Tap) -> None:
        self.vouched, self.tap = vouched, tap
        self.orders, self.web = vouched.new("orders"), vouched.new("web")
        self.ran = 0
        self.go_on = asyncio.Event()

        @self.orders.endpoint
        async def pay(number: int) -> int:
            self.ran += 1
            return number

        @self.orders.endpoint
        async def pax(number: int) -> int:
            self.ran += 1
            return number

        @self.orders.endpoint
        async def wait(number: int) -> int:
            await self.go_on.wait()
            return number

    async def captured(self) -> Heard:
        """Have web pay, addressed to an instance; return the message."""
        begins = f"mesh.rpc.orders.i-{self.orders.instance}.pay"
        for number in range(50):
            assert await self.web.call("orders.pay", {"number": number}) == number
            if any(subject == begins for subject, _, _ in self.tap.heard):
                break
        return await self.tap.request_to(begins)

    def reasons(self) -> set[str]:
        return set(self.vouched.reasons("orders"))


@pytest.fixture
async def scene(meshes: Meshes, broker: Broker) -> AsyncIterator[Scene]:
    async with Tap(broker) as tap:
        made = Scene(VouchedMeshes(meshes), tap)
        await made.vouched.start(made.orders, made.web)
        yield made


async def expect(scene: Scene, reason: str, *message: Any) -> None:
    """Say a message; it is refused for that reason, and nothing runs."""
    ran = scene.ran
    scene.reasons()
    await scene.tap.say(*message)
    found = await eventually(lambda: scene.vouched.reasons("orders"))
    assert (found, scene.ran) == ([reason], ran)


async def test_a_message_said_again_does_not_run_again(scene: Scene) -> None:
    subject, reply, data = await scene.captured()
    await expect(scene, "replayed", subject, reply, data)


async def test_a_message_on_another_subject_does_not_run(scene: Scene) -> None:
    subject, reply, data = await scene.captured()
    for other in (
        subject.removesuffix("pay") + "pax",
        subjects.any_instance("orders", "pay"),
        subjects.any_instance("orders", "pax"),
    ):
        await expect(scene, "forged", other, reply, data)


async def test_a_message_with_another_reply_subject_does_not_run(scene: Scene) -> None:
    subject, reply, data = await scene.captured()
    begin = subjects.inbox("web", scene.web.instance)
    await expect(scene, "replayed", subject, f"{begin}ffffffff", data)
    assert reply.startswith(begin)


async def test_a_message_not_delivered_yet_cannot_have_its_reply_sent_elsewhere(scene: Scene) -> None:
    await scene.captured()
    await scene.orders.withdraw()  # it hears no more: what web says now is only captured
    before = len(scene.tap.heard)
    with pytest.raises(CallError):
        await scene.web.call("orders.pay", {"number": 7}, timeout=0.3)
    subject, reply, data = next(each for each in scene.tap.heard[before:] if each[0].startswith("mesh.rpc.orders."))
    await scene.orders.rejoin()
    elsewhere = f"{subjects.inbox('web', scene.web.instance)}ffffffff"
    assert elsewhere != reply
    await expect(scene, "misdirected", subject, elsewhere, data)


async def test_a_message_whose_reply_would_go_to_another_service_does_not_run(scene: Scene) -> None:
    await scene.captured()
    await scene.orders.withdraw()
    before = len(scene.tap.heard)
    with pytest.raises(CallError):
        await scene.web.call("orders.pay", {"number": 7}, timeout=0.3)
    subject, _, data = next(each for each in scene.tap.heard[before:] if each[0].startswith("mesh.rpc.orders."))
    await scene.orders.rejoin()
    await expect(scene, "misdirected", subject, subjects.inbox("mallory", "m" * 12) + "1", data)


async def test_a_message_to_one_instance_does_not_run_at_another_nor_after_a_restart(scene: Scene) -> None:
    subject, reply, data = await scene.captured()
    first = scene.orders.instance
    other = scene.vouched.new("orders")
    ran = 0

    @other.endpoint
    async def pay(number: int) -> int:
        nonlocal ran
        ran += 1
        return number

    await scene.vouched.start(other)
    scene.vouched.reasons("orders")
    await scene.tap.say(subject.replace(first, other.instance), reply, data)
    assert await eventually(lambda: scene.vouched.reasons("orders")) == ["key_unknown"]
    assert ran == 0


async def test_no_flipped_bit_runs(scene: Scene) -> None:
    subject, reply, data = await scene.captured()
    ran, chance = scene.ran, random.Random(7)
    scene.reasons()
    for _ in range(200):
        at = chance.randrange(len(data) * 8)
        changed = bytearray(data)
        changed[at // 8] ^= 1 << at % 8
        await scene.tap.say(subject, reply, bytes(changed))
    for length in range(0, len(data), 7):
        await scene.tap.say(subject, reply, data[:length])
    assert await scene.web.call("orders.pay", {"number": 1}) == 1
    assert scene.ran == ran + 1
    assert scene.vouched.audits["orders"].waiting >= 200


async def test_every_refusal_is_alike(scene: Scene) -> None:
    subject, reply, data = await scene.captured()
    before = len(await scene.tap.answers_to(reply, 1))
    await scene.tap.say(subject, reply, data)
    await scene.tap.say(subject, reply, data[:-1] + bytes((data[-1] ^ 1,)))
    await scene.tap.say(subjects.any_instance("orders", "pay"), reply, data)
    answers = (await scene.tap.answers_to(reply, before + 3))[before:]
    assert len(set(answers)) == 1
    assert b"unauthenticated" in answers[0]


async def test_an_old_reply_is_no_answer_to_another_call(scene: Scene) -> None:
    _, old, _ = await scene.captured()
    earlier = (await scene.tap.answers_to(old, 1))[0]
    waiting = asyncio.ensure_future(scene.web.call("orders.wait", {"number": 3}, timeout=5.0))
    _, reply, _ = await scene.tap.request_to(f"mesh.rpc.orders.i-{scene.orders.instance}.wait")
    await scene.tap.say(reply, "", earlier)
    with pytest.raises(CallError) as failed:
        await waiting
    assert failed.value.code is Code.INTEGRITY_FAILED
    scene.go_on.set()


async def test_a_forged_refusal_does_not_have_a_call_run_twice(scene: Scene) -> None:
    subject, reply, data = await scene.captured()
    await scene.tap.say(subject, reply, data)
    refusal = (await scene.tap.answers_to(reply, 2))[-1]
    waiting = asyncio.ensure_future(scene.web.call("orders.wait", {"number": 3}, timeout=5.0))
    _, other, sent = await scene.tap.request_to(f"mesh.rpc.orders.i-{scene.orders.instance}.wait")
    mine, theirs = data[76:92], sent[76:92]
    await scene.tap.say(other, "", refusal.replace(mine, theirs))
    with pytest.raises(CallError) as failed:
        await waiting
    assert (failed.value.code, str(failed.value.executed)) == (Code.UNAUTHENTICATED, "maybe")
    asked = [each for each in scene.tap.heard if each[0].endswith(".wait")]
    assert len(asked) == 1
    scene.go_on.set()


@asynccontextmanager
async def caller(vouched: VouchedMeshes, **said: Any) -> AsyncGenerator[Mesh]:
    """A caller whose credential says something else."""
    authority: Vouching | None = said.pop("authority", None)
    mesh = vouched.new("batch", authority, said)
    await vouched.start(mesh)
    yield mesh


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (lambda: {"not_after": int(time.time()) - 10}, "credential_expired"),
        (lambda: {"not_before": int(time.time()) + 600}, "credential_expired"),
        (lambda: {"identity": credential.identity("other.mesh", "default", "batch")}, "credential_invalid"),
        (lambda: {"identity": credential.identity("mesh.local", "other", "batch")}, "credential_invalid"),
        (lambda: {"authority": Vouching()}, "credential_invalid"),
    ],
)
async def test_a_credential_that_does_not_hold_opens_nothing(
    scene: Scene, said: Callable[[], dict[str, Any]], reason: str
) -> None:
    await scene.captured()
    ran = scene.ran
    scene.reasons()
    words = said()
    authority = words.get("authority")
    if authority is not None:
        authority.services = scene.vouched.authority.services
    async with caller(scene.vouched, **words) as batch:
        # Its own side believes itself: it has the keys of the service all the same.
        with pytest.raises(CallError) as failed:
            await batch.call("orders.pay", {"number": 1}, timeout=2.0)
        assert failed.value.code is Code.UNAUTHENTICATED
    assert scene.ran == ran
    assert reason in scene.reasons()


async def test_a_revoked_credential_opens_nothing_from_then_on_in_a_session_that_runs_too(scene: Scene) -> None:
    await scene.captured()
    keys = scene.vouched.keys
    serial = credential.unpack(keys["web"].own.raw).serial
    revoked = sign(Revoked(1, {serial: int(time.time())}), scene.vouched.authority.key)
    keys["orders"].credentials.revoke(revoked)
    ran = scene.ran
    scene.reasons()
    with pytest.raises(CallError) as failed:
        await scene.web.call("orders.pay", {"number": 1}, timeout=2.0)
    assert failed.value.code is Code.UNAUTHENTICATED
    assert (scene.ran, scene.reasons()) == (ran, {"credential_revoked"})


async def test_a_list_of_revoked_credentials_by_another_key_changes_nothing(scene: Scene) -> None:
    await scene.captured()
    keys = scene.vouched.keys
    serial = credential.unpack(keys["web"].own.raw).serial
    with pytest.raises(ValueError, match="not known"):
        keys["orders"].credentials.revoke(sign(Revoked(9, {serial: 0}), Ed25519PrivateKey.generate()))
    assert await scene.web.call("orders.pay", {"number": 1}) == 1


async def test_under_strict_replay_nothing_that_is_sealed_to_the_service_runs(
    meshes: Meshes, policies: Policies, broker: Broker
) -> None:
    async with Tap(broker) as tap:
        scene = Scene(VouchedMeshes(meshes), tap)
        await scene.vouched.start(scene.orders, scene.web)
        revision = await policies.apply({"kind": "Security", "name": "orders", "spec": {"replay": "strict"}})
        await eventually(lambda: scene.orders.status()["revision"] == revision)
        assert [await scene.web.call("orders.pay", {"number": each}) for each in range(20)] == list(range(20))
        await eventually(lambda: scene.web.status()["revision"] == revision)
        before = len(tap.heard)
        assert await scene.web.call("orders.pay", {"number": 1}) == 1
        assert not [each for each in tap.heard[before:] if each[0] == subjects.any_instance("orders", "pay")]


async def test_an_event_that_was_changed_or_moved_reaches_no_handler(
    scene: Scene, provider: Provider, meshes: Meshes
) -> None:
    got: list[str] = []
    stock = scene.vouched.new("stock")

    @stock.on("shop.*")
    async def heard(text: str) -> None:
        got.append(text)

    await provider.ensure(consumers=(("stock", "shop.*"),))
    await scene.vouched.start(stock)
    await scene.web.publish("shop.sold", "one")
    _, _, data = await scene.tap.request_to("mesh.evt.shop.sold")
    await scene.tap.say("mesh.evt.shop.returned", "", data)
    await scene.tap.say("mesh.evt.shop.sold", "", data[:-1] + bytes((data[-1] ^ 1,)))
    await scene.tap.say("mesh.evt.shop.sold", "", b'"plain"')
    await scene.web.publish("shop.sold", "two")
    await eventually(lambda: len(got) == 2 and scene.vouched.audits["stock"].waiting >= 3)
    assert sorted(got) == ["one", "two"]
    assert sorted(scene.vouched.reasons("stock")) == ["forged", "forged", "unsupported"]
