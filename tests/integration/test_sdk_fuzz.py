"""Wrong messages of a member over a real broker: none raises, and the callee answers after each lot of them."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from structlog.typing import EventDict

from crossply.handler import Kind
from crossply.names import new_id
from crossply.seal import session
from crossply.wire import envelope, subjects
from tests.support.broker import Broker
from tests.support.forging import Message, mutated, wrong
from tests.support.meshes import Meshes
from tests.support.tapped import Scene, Tap
from tests.support.vouched import VouchedMeshes

SEED = 20261125
LOTS, OF = 20, 25
BODIES = (
    b"\x81\xa6number\x07", b"\x80", b"\x81\xa6number\xa1x", b"\x91\x07", b"\xc1", b"", b"\xdf\xff\xff\xff\xff",
    b"\x91" * 5000, b"\x81\xa6number\xcf" + b"\xff" * 8, b"\x82\xa6number\x07\xa5other\x01", b'{"number": 7}',
)  # fmt: skip


@pytest.fixture
async def scene(meshes: Meshes, broker: Broker) -> AsyncIterator[Scene]:
    async with Tap(broker) as tap:
        made = Scene(VouchedMeshes(meshes), tap)
        await made.vouched.start(made.orders, made.web)
        await made.captured()
        yield made


class Member:
    """web, as whoever has its keys would use them."""

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        self._keys, self._chance = scene.vouched.keys["web"], chance
        orders = scene.vouched.keys["orders"]
        self._to = orders.credentials.learn(orders.own.raw).recipient
        self._inbox = subjects.inbox("web", scene.web.instance)
        self.subject = subjects.one_instance("orders", scene.orders.instance, "pay")
        self._held: Any = self._session()

    def _session(self) -> Any:
        own, lineage, key = self._keys.own, self._keys.lineage, X25519PrivateKey.generate()
        now = time.time_ns() // 1_000_000
        return session.pair(own, self._to, now=now, lineage=lineage, aead=AESGCM, ephemeral=key)

    def message(self) -> tuple[str, bytes]:
        """Return a reply subject, and a message."""
        chance = self._chance
        if chance.random() < 0.05:
            self._held = self._session()
        reply = f"{self._inbox}ff{chance.randrange(1 << 32):08x}"
        kind = chance.choice((Kind.REQUEST, Kind.REQUEST, Kind.REQUEST, Kind.PING))
        made = Message(kind, self.subject.encode(), time.time_ns() // 1_000_000, 5000, new_id(), [])
        said = {envelope.OPERATION: b"pay", envelope.REPLY_SUBJECT: reply.encode()}
        if chance.random() < 0.6:
            said[envelope.CREDENTIAL] = self._keys.own.raw
        if chance.random() < 0.3:
            said[envelope.CONTENT_TYPE] = chance.choice((b"\x01", b"\x02", b"text/plain"))
        made.tlvs, made.body = sorted(said.items()), chance.choice(BODIES)
        data = made if chance.random() < 0.4 else wrong(made, chance)
        sealed = data.sealed(self._held)[: 1 << 20]
        return reply, mutated(sealed, chance) if chance.random() < 0.1 else sealed


async def test_after_each_lot_of_wrong_messages_a_good_call_is_answered(scene: Scene, logs: list[EventDict]) -> None:
    member = Member(scene, random.Random(SEED))
    broker = vars(scene.orders.link)["_broker"]
    before = broker.current
    asked: set[str] = set()
    for lot in range(LOTS):
        for _ in range(OF):
            reply, data = member.message()
            asked.add(reply)
            await scene.tap.say(member.subject, reply, data)
        assert await scene.web.call("orders.pay", {"number": lot}, timeout=5.0) == lot
    assert broker.current is before, "the callee left its connection"
    assert not [each for each in logs if each["log_level"] == "error" or "exception" in each], "something was raised"
    answered = Counter(subject for subject, _, _ in scene.tap.heard if subject in asked)
    assert len(answered) > LOTS * OF // 2
    assert set(answered.values()) == {1}
    reasons = Counter(scene.vouched.reasons("orders"))
    assert set(reasons) >= {"malformed", "misdirected", "stale", "forged", "unsupported"}
