"""One wrong message after the other, each handed to what the wire hands it to on arrival, in changing weather."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.errors import CallError
from crossply.handler import Kind, Request
from crossply.names import new_id
from crossply.seal import session
from crossply.seal.credentials import Recipient
from crossply.seal.faults import SealFault
from crossply.seal.kept import Keeper
from crossply.seal.layout import MAX_TTL
from crossply.seal.refusal import refusal
from crossply.wire import envelope, subjects
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.link import Pong
from tests.support.arriving import CALLEE, CHANNEL, NOBODY, OPERATION, TRACE, Arriving, Side, a_request
from tests.support.forged_credentials import forged
from tests.support.forging import ERRORS, REPLIES, REQUESTS, Message, mutated, wrong
from tests.support.weather import Weather

CHANNEL_SUBJECT: Final = subjects.channel(CHANNEL).encode()
_NOW_AND_THEN: Final = {
    envelope.CONTENT_TYPE: (b"\x01", b"\x02", b"text/plain", b""),
    envelope.TRACESTATE: (b"a=b",),
    envelope.SCHEMA: (b"s",),
    envelope.ATTEMPT: (b"\x02", b""),
    envelope.OPERATION: (b"quota",),
    0x90: (b"skipped",),
}
"""TLVs that some messages have, and others not."""


class Fuzz:
    """Makes the messages; ``outcomes`` counts what came of them."""

    def __init__(self, seed: int) -> None:
        self.stage = Arriving()
        self.chance = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self._held: dict[str, Any] = {}
        self.weather = Weather(self.stage, self.chance)

    def session(self, name: str, who: Side, to: Recipient) -> Any:
        """Return the session of that name, or begin another, as a member does after a while."""
        held = self._held.get(name)
        if held is None or self.chance.random() < 0.05:
            held = self._held[name] = who.session(to, self.stage.clock)
        return held

    def begin_anew(self, name: str) -> None:
        """Have the session of that name be another from now on."""
        self._held.pop(name, None)

    def message(self, kind: Kind, subject: bytes) -> Message:
        """Return a message of now, without TLVs."""
        return Message(kind, subject, self.stage.clock(), 0, new_id(), [])

    def _finished(self, message: Message, held: Any, honest: float = 0.4) -> tuple[bytes, bool]:
        """Return a message, and whether it is as nobody sealed it."""
        chance = self.chance
        data = (message if chance.random() < honest else wrong(message, chance)).sealed(held)
        if chance.random() >= 0.15:
            return data, False
        changed = mutated(data, chance)
        return changed, changed != data

    def request(self) -> None:
        """Hand a request or a ping to the callee."""
        stage, chance = self.stage, self.chance
        who, held = self._caller()
        whose = who.config if chance.random() < 0.97 else stage.twin.config
        reply = subjects.inbox(whose.service, whose.instance).encode() + b"%08x" % chance.randrange(1 << 32)
        elsewhere = (
            stage.anywhere,
            stage.anywhere,
            stage.elsewhere,
            stage.subject + b"x" * 240,
            stage.subject + b"\xff",
        )
        subject = stage.subject if chance.random() < 0.9 else chance.choice(elsewhere)
        data, changed = self._finished(self._asked(who, reply, subject[:255]), held)
        if chance.random() < 0.06:
            changed = True
            data = chance.choice((b"", b"plain", b"\xe7\x01", refusal(new_id()), b"\xe7\x01\x00" + data[3:]))
        others = (b"orders.secret", b"_INBOX.stock.x.1", reply[:-1] + b"z")
        self.deliver(data, reply if chance.random() < 0.95 else chance.choice(others), subject, changed=changed)

    def deliver(self, data: bytes, at: bytes, subject: bytes, *, changed: bool = False) -> None:
        """Hand a message with the reply subject ``at`` to the callee; ``changed`` says that nobody sealed it so."""
        stage = self.stage
        ran, answers = len(stage.ran), stage.arrives(data, at, subject)
        assert len(answers) <= 1
        assert all(where == at for where, _, _ in answers)
        if len(stage.ran) > ran:
            assert not changed, "something ran that nobody sealed"
            assert answers, "something ran and was not answered"
            self.outcomes["ran"] += 1

    def _asked(self, who: Side, reply: bytes, subject: bytes) -> Message:
        chance = self.chance
        made = self.message(chance.choice((Kind.REQUEST, Kind.REQUEST, Kind.REQUEST, Kind.PING)), subject)
        made.ttl = 5000
        tlvs = {envelope.OPERATION: b"quote", envelope.ATTEMPT: b"\x01", envelope.REPLY_SUBJECT: reply}
        match chance.randrange(30):
            case 0:
                tlvs[envelope.REPLY_SUBJECT] = reply.replace(b"_INBOX", b"_inbox")
            case 1:
                tlvs[envelope.STREAM] = tlvs.pop(envelope.REPLY_SUBJECT)
            case 2:
                made.seq = 1 << 24
            case 3:
                made.ttl = chance.choice((0, MAX_TTL + 1))
            case _:
                pass
        if chance.random() < 0.8:
            tlvs[envelope.TRACEPARENT] = TRACE.encode() if chance.random() < 0.97 else b"\xff" * len(TRACE)
        if chance.random() < 0.3:
            tlvs[envelope.CREDENTIAL] = who.keys.own.raw
        for kind, value in _NOW_AND_THEN.items():
            if chance.random() < 0.05:
                tlvs[kind] = chance.choice(value)
        said = chance.choice(REQUESTS)
        made.metadata = msgspec.msgpack.encode(said) if said else b""
        if who is self.stage.twin:
            made.ids["cid"] = self.stage.web.keys.own.cid
        made.tlvs = sorted(tlvs.items())
        return made

    def _caller(self) -> tuple[Side, Any]:
        stage, chance = self.stage, self.chance
        own, service = stage.orders.member.recipient, stage.web.keys.recipient("orders")
        assert service is not None
        draw = chance.random()
        if draw < 0.7:
            return stage.web, self.session("web", stage.web, own)
        if draw < 0.8:
            return stage.twin, self.session("twin", stage.twin, own)
        if draw < 0.95:
            return stage.web, self.session("any", stage.web, service)
        who = chance.choice((stage.web, stage.stock))
        return who, who.session(own, stage.clock)

    async def reply(self) -> None:
        """Have a call or a ping answered."""
        pinging = self.chance.random() < 0.2
        asked = a_request()
        asked.idempotent = self.chance.random() < 0.5
        asked.instance = CALLEE if self.chance.random() < 0.9 else None
        kind = Kind.PONG if pinging else Kind.RESPONSE
        await self.exchange(lambda inbox, mid: self._answer(inbox, mid, kind), asked, pinging=pinging)

    async def exchange(
        self, answer: Callable[[bytes, bytes], bytes], asked: Request | None = None, *, pinging: bool = False
    ) -> None:
        """Have a call, or a ping, answered by ``answer(inbox, id)``."""
        stage, asked = self.stage, asked or a_request()
        stage.broker.sent.clear()
        ask = stage.caller.ping(OPERATION, CALLEE, 1.0) if pinging else stage.caller.call(asked)
        task: asyncio.Future[Any] = asyncio.ensure_future(ask)
        await asyncio.sleep(0)
        _, sent, inbox = stage.broker.sent[-1]
        stage.mux.take(inbox, b"", answer(inbox, sent[76:92]), b"")
        for _ in range(3):
            await asyncio.sleep(0)
        for _, _, again in stage.broker.sent[1:]:
            stage.mux.take(again, b"", b"", NOBODY)
        try:
            found = await task
        except CallError as error:
            self.outcomes[str(error.code)] += 1
        else:
            self.outcomes[str(found) if isinstance(found, Pong) else "answered"] += 1

    def _answer(self, inbox: bytes, mid: bytes, kind: Kind) -> bytes:
        stage, chance = self.stage, self.chance
        if chance.random() < 0.06:
            return chance.choice((refusal(mid), refusal(mid), b"", b"plain", refusal(bytes(16))))
        made = self.message(kind if chance.random() < 0.75 else chance.choice((*[Kind.ERROR] * 5, Kind.PONG)), inbox)
        if chance.random() < 0.02:
            made.seq = 1 << 24
        made.tlvs = [(envelope.IN_REPLY_TO, mid if chance.random() < 0.96 else new_id())]
        if chance.random() < 0.3:
            made.tlvs.insert(0, (envelope.CONTENT_TYPE, chance.choice((b"\x01", b"\x02"))))
        said = chance.choice(ERRORS if made.kind is Kind.ERROR else REPLIES)
        made.metadata = msgspec.msgpack.encode(said) if said else b""
        to, who, held = stage.web.member.recipient, stage.orders, None
        draw = chance.random()
        if draw < 0.05:
            who = chance.choice((stage.stock, stage.sibling))
            held = who.session(to, stage.clock)
        elif draw < 0.07:
            service = stage.orders.keys.recipient("web")
            assert service is not None
            held = who.session(service, stage.clock)
        if held is not None or chance.random() < 0.4:
            carried = who if chance.random() < 0.9 else stage.sibling
            made.tlvs.append((envelope.CREDENTIAL, carried.keys.own.raw))
        if chance.random() < 0.04:
            made.tlvs.append((0x90, b"skipped"))
        return self._finished(made, held or self.session("orders", who, to), 0.7)[0]

    def event(self) -> None:
        """Have an event opened."""
        stage, chance = self.stage, self.chance
        signed = (
            (stage.vouching.channel or self.weather.group).signed if chance.random() < 0.9 else chance.random() < 0.5
        )
        held = self._held.get(f"event {signed}")
        if held is None or chance.random() < 0.1:
            held = self._held[f"event {signed}"] = self._publishing(signed=signed)
        made = self.message(Kind.EVENT, CHANNEL_SUBJECT)
        made.tlvs = [(envelope.OPERATION, CHANNEL.encode() if chance.random() < 0.95 else b"shop.returned")]
        if chance.random() < 0.8:
            made.tlvs.append((envelope.CREDENTIAL, held[0].keys.own.raw))
        data, changed = self._finished(made, held[1])
        stored = stage.clock() / 1000 + chance.choice((0.0, 0.0, 0.0, 0.0, -1e6, 1e9))
        assert stage.heard.takes(data)
        try:
            stage.heard.open(data, CHANNEL, stored, 0.0)
        except EnvelopeFault as fault:
            self.outcomes[type(fault).__name__] += 1
        else:
            assert not changed, "something was heard that nobody sealed"
            self.outcomes["heard"] += 1

    def _publishing(self, *, signed: bool) -> tuple[Side, Any]:
        who = self.chance.choice((self.stage.web, self.stage.stock))
        group, own, salt = self.weather.group, who.keys.own, self.chance.randbytes(32)
        key = group.epochs.sealing(self.stage.clock()).key
        lineage = who.keys.lineage
        made = session.group(
            own, key, CHANNEL_SUBJECT, signed=signed, now=0, lineage=lineage, aead=AESGCM, salt=salt
        )  # fmt: skip
        return who, made

    def credential(self) -> None:
        """Have an instance heard of by a credential."""
        stage, chance = self.stage, self.chance
        who = chance.choice((stage.web, stage.stock))
        raw = forged(who.keys.own.raw, stage.vouching.key, chance)
        try:
            stage.orders.sealing.hear(who.member.peer, raw)
        except EnvelopeFault as fault:
            self.outcomes[type(fault).__name__] += 1
        else:
            self.outcomes["believed"] += 1

    def kept(self) -> None:
        """Have a value read that instances of the service keep for each other, as the store might show it."""
        stage, chance = self.stage, self.chance
        keys = stage.orders.keys
        keeper = Keeper(keys.ring, keys.lineage, clock=stage.clock)
        try:
            sealed = keeper.seal("a", b"value")
        except SealFault:
            self.outcomes["no keys"] += 1
            return
        own = sealed[:3] + keys.own.kid + sealed[11:]
        changed = chance.choice((sealed, own, mutated(sealed, chance), sealed[:3] + chance.randbytes(60), b"plain"))
        place = chance.choice(("a", "a", "b"))
        try:
            assert keeper.open(place, changed) == b"value"
        except SealFault:
            self.outcomes["not kept"] += 1
        else:
            assert (place, changed) == ("a", sealed)
            self.outcomes["kept"] += 1
