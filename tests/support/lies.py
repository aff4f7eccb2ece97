"""What whoever runs a broker may say in its own name, or in that of somebody whose word nobody signs."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import msgspec

from crossply.wire import envelope
from tests.support.malicious_broker import Delivery, MaliciousBroker, Session
from tests.support.nats_frames import Delivered

_NOBODY = b"NATS/1.0 503\r\n\r\n"


class Denying:
    """Delivers a call to an instance, and tells its caller that nobody listens there."""

    def __init__(self, broker: MaliciousBroker) -> None:
        self._broker = broker

    def __call__(self, to: Session, message: Delivered) -> Iterable[Delivery]:
        if not message.subject.startswith("mesh.rpc.") or ".i-" not in message.subject:
            return [(to, message)]
        _, service, instance, _ = message.reply.split(".")
        caller = self._broker.session(service, instance)
        sid = caller.sid(message.reply)
        assert sid is not None
        return [(to, message), (caller, Delivered(message.reply, sid, "", _NOBODY, b""))]


class ForgedPresence:
    """Says of every endpoint that it may run twice, and of some instances that they are elsewhere, or go."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.forged = 0

    def __call__(self, to: Session, message: Delivered) -> Iterable[Delivery]:
        if message.subject.startswith("_INBOX.") and self._chance.random() < 0.2:
            return ()  # so that there is something to send again
        if not message.subject.startswith("mesh.hb.") or message.subject.endswith(".who"):
            return [(to, message)]
        said = envelope.unpack(message.data)
        body: dict[str, Any] = msgspec.msgpack.decode(said.body)
        for endpoint in body.get("endpoints", ()):
            endpoint["idempotent"] = True
        body |= self._chance.choice(
            ({}, {}, {"zone": "elsewhere"}, {"labels": {"a": "b"}}, {"type": "bye"}, {"started": 1.0})
        )
        said.body = msgspec.msgpack.encode(body)
        self.forged += 1
        return [(to, replace(message, data=envelope.pack(said)))]


class OldAnswers:
    """Answers a question to a control service with what it was answered first, once it is ``lying``."""

    def __init__(self, broker: MaliciousBroker, service: str, endpoint: str) -> None:
        self._broker = broker
        self._begins, self._ends = f"mesh.rpc.{service}.", f".{endpoint}"
        self._first: dict[Session, bytes] = {}
        self.lying = False

    def __call__(self, to: Session, message: Delivered) -> Iterable[Delivery]:
        asked = [each.subject for each in self._broker.heard if each.reply == message.subject]
        wanted = any(each.startswith(self._begins) and each.endswith(self._ends) for each in asked)
        if not wanted or not envelope.is_envelope(message.data):
            return [(to, message)]
        said = envelope.unpack(message.data)
        first = self._first.setdefault(to, said.body)
        if self.lying:
            said.body = first
        return [(to, replace(message, data=envelope.pack(said)))]
