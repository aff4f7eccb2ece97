"""Whatever is wrong with a message, its sender learns one thing, in as many bytes; the reason is this side's own."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from typing import TypeAlias

import pytest

from benchmarks.sides import Pair, a_request
from crossply.audit.audit import Audit
from crossply.seal.refusal import refusal
from crossply.seal.revoked import Revoked
from crossply.wire.credential import Credential
from crossply.wire.message import pack_request
from crossply.wire.sealed.sealing import Sealing
from crossply.wire.senders import Sender

Message: TypeAlias = tuple[bytes, bytes, bytes]
"""Subject, payload, reply subject."""
MID = slice(76, 92)
_CID, _KID, _ENC, _IAT = slice(8, 16), slice(16, 24), slice(24, 56), slice(64, 72)


class Callee:
    """A callee, a call that was sealed to it and not delivered, and what it tells and answers."""

    def __init__(self) -> None:
        self.pair = Pair(sealed=True)
        self.audit = Audit()
        vars(self.sealing)["_audit"] = self.audit
        self.answers: list[bytes] = []

    @property
    def sealing(self) -> Sealing:
        return self.pair.far.sealing

    async def captured(self) -> Message:
        """Return a call as its caller sends it to whom it knows, which is not delivered."""
        await self.pair.calls(2)
        found: list[Message] = []

        def noting(subject: bytes, payload: bytes, reply: bytes = b"", _headers: bytes = b"") -> None:
            found.append((subject, payload, reply))

        vars(self.pair.broker)["send"] = noting
        calling = asyncio.ensure_future(self.pair.call(a_request()))
        await asyncio.sleep(0)
        calling.cancel()
        del vars(self.pair.broker)["send"]
        return found[0]

    def take(self, message: Message) -> None:
        """Deliver a message."""
        subject, payload, reply = message
        self.pair.broker.takes.setdefault(reply, lambda _s, _r, data, _h: self.answers.append(data))
        self.pair.broker.send(subject, payload, reply)


def with_field(at: slice, value: bytes) -> Callable[[Callee, Message], Message]:
    def changed(_callee: Callee, message: Message) -> Message:
        subject, payload, reply = message
        return subject, payload[: at.start] + value + payload[at.stop :], reply

    return changed


def unknown(callee: Callee, message: Message) -> Message:
    return with_field(_CID, os.urandom(8))(callee, with_field(_ENC, os.urandom(32))(callee, message))


def revoked(callee: Callee, message: Message) -> Message:
    serial = callee.pair.near.sealing.keys.credentials.learn(callee.pair.near.sealing.keys.own.raw).serial
    callee.sealing.keys.credentials.adopt(Revoked(1, {serial: 0}))
    return message


def one_more(callee: Callee, message: Message) -> Message:
    callee.sealing.opener.sessions.clear()
    callee.sealing.opener.pace.rate = 0
    return message


def unsealed(_callee: Callee, message: Message) -> Message:
    request = a_request()
    request.id = message[1][MID]
    plain = Sender(Credential(identity="spiffe://mesh.local/t/default/svc/web", instance="k7q2mzp4x3ab"))
    return message[0], pack_request(plain, request, now=time.monotonic()), message[2]


def to_another_inbox(_callee: Callee, message: Message) -> Message:
    return message[0], message[1], b"_INBOX.somebody.else.1"


WRONG: dict[str, Callable[[Callee, Message], Message]] = {
    "malformed": with_field(slice(3, 4), b"\x09"),
    "unsupported": unsealed,
    "stale": with_field(_IAT, (time.time_ns() // 1_000_000 - 60_000).to_bytes(8, "big")),
    "credential_missing": unknown,
    "credential_revoked": revoked,
    "too_many_sessions": one_more,
    "key_unknown": with_field(_KID, os.urandom(8)),
    "forged": with_field(slice(72, 76), b"\x00\x00\x10\x00"),
    "misdirected": to_another_inbox,
}


@pytest.mark.parametrize("reason", WRONG)
async def test_each_reason_gets_the_answer_of_all_others_and_is_told_here(reason: str) -> None:
    callee = Callee()
    captured = await callee.captured()
    callee.take(WRONG[reason](callee, captured))
    assert [entry.reason for entry in callee.audit.take(10)] == [reason]
    assert callee.answers == [refusal(captured[1][MID])]
