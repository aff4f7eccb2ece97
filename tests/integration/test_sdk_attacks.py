"""What somebody at the broker may do with sealed messages: copy, change, move, answer them; none is accepted."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from crossply import CallError
from crossply.errors import Code
from crossply.wire import subjects
from crossply.wire.supervisor import Supervisor
from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.policies import Policies
from tests.support.provider import Provider
from tests.support.tapped import Scene, Tap, expect
from tests.support.vouched import VouchedMeshes
from tests.support.waiting import eventually


@pytest.fixture
async def scene(meshes: Meshes, broker: Broker) -> AsyncIterator[Scene]:
    async with Tap(broker) as tap:
        made = Scene(VouchedMeshes(meshes), tap)
        await made.vouched.start(made.orders, made.web)
        vars(made.web.link)["_mux"].spare = 0  # each call has a token of its own: what is said there is looked at
        yield made


async def test_a_message_said_again_does_not_run_again(scene: Scene) -> None:
    subject, reply, data = await scene.captured()
    await expect(scene, "replayed", subject, reply, data)


async def test_a_message_that_is_delivered_twice_is_answered_once(scene: Scene) -> None:
    await scene.captured()
    waiting = asyncio.ensure_future(scene.web.call("orders.wait", {"number": 3}, timeout=5.0))
    subject, reply, data = await scene.tap.request_to(f"mesh.rpc.orders.i-{scene.orders.instance}.wait")
    await expect(scene, "replayed", subject, reply, data)
    scene.go_on.set()
    assert await waiting == 3


async def test_a_message_said_again_does_not_run_over_the_next_connection_either(scene: Scene) -> None:
    subject, reply, data = await scene.captured()
    broker: Supervisor = vars(scene.orders.link)["_broker"]
    before = broker.current
    broker.move()  # as at a renewal, or before a lame duck ends
    await eventually(lambda: broker.current is not before)
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
    await scene.tap.say(subject, reply, data[:-1])
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
    await scene.tap.say(subject, reply, data[:-1])
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


async def test_nobody_has_a_callee_end_the_calls_of_another(scene: Scene) -> None:
    subject, _, data = await scene.captured()
    waiting = asyncio.ensure_future(scene.web.call("orders.wait", {"number": 3}, timeout=10.0))
    await scene.tap.request_to(f"mesh.rpc.orders.i-{scene.orders.instance}.wait")
    # Orders answers what it cannot open, with the message's id, at whatever inbox it is told.
    for token in range(400):
        await scene.tap.say(subject, f"{subjects.inbox('web', scene.web.instance)}{token:x}", data[:-1])
    await eventually(lambda: scene.vouched.audits["orders"].waiting >= 400)
    assert not waiting.done()
    scene.go_on.set()
    assert await waiting == 3


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
