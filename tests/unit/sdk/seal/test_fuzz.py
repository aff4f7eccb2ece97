"""Mutations of messages that would open: none does, each fails by a typed fault, and none costs a decoding.

Where a check lies behind the tag, the tag is made anew: by a member, who is the only one that can.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from crossply.handler import Kind
from crossply.seal import layout, schedule
from crossply.seal.epochs import Epoch, Epochs
from crossply.seal.faults import Reason, SealFault
from crossply.seal.group import Group
from crossply.seal.opener import Opened
from crossply.seal.pace import Pace
from crossply.wire import envelope
from crossply.wire.envelope import tlv
from tests.unit.sdk.seal.members import CONTENT, MID, NOW, Pair, refused

ROUNDS = 10_000
CHANNEL = b"mesh.evt.orders.created"
KEY = bytes(range(32))
EPOCHS = Epochs([Epoch(0, schedule.group_kid(KEY), KEY)])
FIELDS = {
    "magic": (0, 1),
    "version": (1, 2),
    "suite": (2, 3),
    "kind": (3, 4),
    "flags": (4, 5),
    "reserved": (5, 6),
    "hlen": (6, 8),
    "cid": (8, 16),
    "kid": (16, 24),
    "enc": (24, 56),
    "seq": (56, 64),
    "iat": (64, 72),
    "ttl": (72, 76),
    "mid": (76, 92),
}


class Target:
    """Messages of one form, and how they are opened."""

    def __init__(self, make: Callable[[], bytes], read: Callable[[bytes], Opened]) -> None:
        self.make, self.read = make, read


def targets() -> dict[str, Target]:
    pair = Pair()
    for each in (pair.caller, pair.callee):
        each.opener.pace = Pace(rate=10**9)  # what is refused here is refused for what it is

    def event(group: Group) -> Target:
        block = tlv(envelope.OPERATION, b"orders.created") + pair.caller.own.credential
        return Target(
            lambda: pair.caller.sealer.seal_event(group, CHANNEL, MID, block, CONTENT),
            lambda payload: pair.callee.events.open_event(payload, CHANNEL, group, NOW),
        )

    return {
        "request": Target(pair.request, pair.open),
        "request, unread": Target(pair.request, partial(unsealed_request, pair)),
        "reply": Target(pair.response, pair.open_reply),
        "reply, unread": Target(pair.response, partial(unsealed_reply, pair)),
        "signed event": event(Group(EPOCHS)),
        "event": event(Group(EPOCHS, signed=False)),
    }


def unsealed_request(pair: Pair, payload: bytes) -> Opened:
    found = pair.callee.opener.unseal_request(payload, pair.callee.subject, pair.caller.reply)
    return Opened(layout.parts(found.message), found.member, found.strict)


def unsealed_reply(pair: Pair, payload: bytes) -> Opened:
    found = pair.caller.opener.unseal_reply(payload, pair.caller.reply, pair.callee.recipient, MID)
    return Opened(layout.parts(found.message), found.member, found.strict)


FORMS = sorted(targets())


@pytest.fixture(params=FORMS)
def target(request: pytest.FixtureRequest) -> Target:
    return targets()[request.param]


def test_a_message_as_it_was_sealed_opens(target: Target) -> None:
    assert target.read(target.make()).parts.body == b"hello"


@pytest.mark.parametrize("met", [False, True], ids=["first", "in a session"])
def test_no_bit_may_be_another(target: Target, met: bool) -> None:
    if met:
        target.read(target.make())
    payload = target.make()
    for bit in range(len(payload) * 8):
        changed = bytearray(payload)
        changed[bit // 8] ^= 1 << bit % 8
        assert refused(target.read, bytes(changed)) not in {Reason.REPLAYED, Reason.TOO_MANY_SESSIONS}
    if met:
        assert target.read(payload).parts.body == b"hello"


def test_nothing_may_be_cut_off_or_put_on(target: Target) -> None:
    target.read(target.make())
    payload = target.make()
    for end in range(len(payload)):
        assert refused(target.read, payload[:end]) in {Reason.MALFORMED, Reason.FORGED}
    for more in (b"\0", payload, bytes(1000), bytes(layout.MAX_SIZE)):
        assert refused(target.read, payload + more) in {Reason.MALFORMED, Reason.FORGED}


@pytest.mark.parametrize("name", FIELDS)
def test_no_field_may_be_that_of_another_message(target: Target, name: str) -> None:
    target.read(target.make())
    others = [each.make() for each in targets().values()]
    start, end = FIELDS[name]
    payload = target.make()
    for other in (*others, target.make(), bytes(100), b"\xff" * 100):
        swapped = payload[:start] + other[start:end] + payload[end:]
        if swapped != payload:
            refused(target.read, swapped)


def test_no_ciphertext_may_be_that_of_another_message(target: Target) -> None:
    target.read(target.make())
    one, other = target.make(), target.make()
    tail = len(one) - len(CONTENT) - layout.TAG - (layout.SIGNATURE if one[2] == schedule.GROUP_SIGNED else 0)
    assert refused(target.read, one[:tail] + other[tail:]) is Reason.FORGED


def test_whatever_is_done_to_a_message_it_does_not_open() -> None:
    """10,000 mutations from a fixed seed; ``accepted`` counts those that opened."""
    chance, all_targets = random.Random(20260101), [*targets().values()]
    accepted, reasons = 0, Counter[Reason]()
    for each in all_targets:
        each.read(each.make())
    for _ in range(ROUNDS):
        target = chance.choice(all_targets)
        payload = target.make()
        mutated = mutate(payload, chance)
        try:
            target.read(mutated)
            accepted += mutated != payload
        except SealFault as fault:
            reasons[fault.reason] += 1
    assert accepted == 0
    assert set(reasons) >= {Reason.MALFORMED, Reason.UNSUPPORTED, Reason.STALE, Reason.FORGED, Reason.KEY_UNKNOWN}


def mutate(payload: bytes, chance: random.Random) -> bytes:
    """Return a payload with one to four of its bits, bytes, fields, TLVs or ends changed."""
    changed = bytearray(payload)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) or 1)
        match chance.randrange(6):
            case 0 if changed:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                del changed[at : at + chance.randint(1, 40)]
            case 2:
                changed[at:at] = chance.randbytes(chance.randint(1, 40))
            case 3:
                start, end = chance.choice([*FIELDS.values()])
                changed[start:end] = chance.choice((bytes(end - start), chance.randbytes(end - start)))
            case 4:
                changed[6:8] = chance.randrange(5000).to_bytes(2, "big")
            case _:
                changed[layout.SIZE : layout.SIZE + 3] = chance.randbytes(3)
    return bytes(changed)


def test_what_a_member_seals_wrongly_on_purpose_is_refused_behind_the_tag() -> None:
    """Valid tags over every kind of wrong content: the checks behind them hold by themselves."""
    pair, chance = Pair(), random.Random(7)
    pair.open(pair.request())
    outcomes = Counter(refused(attempt) for attempt in wrong(pair, chance))
    assert set(outcomes) == {Reason.MALFORMED, Reason.MISDIRECTED, Reason.STALE, Reason.UNSUPPORTED}
    assert outcomes.total() == 2000


def wrong(pair: Pair, chance: random.Random) -> Iterator[Callable[[], Opened]]:
    own, to = pair.caller, pair.callee.recipient
    reply = tlv(envelope.REPLY_SUBJECT, own.reply)
    [held] = own.sealer.sessions.values()

    def sealed(
        kind: Kind = Kind.REQUEST, iat: int = NOW, ttl: int = 9, block: bytes = reply, content: bytes = CONTENT
    ) -> bytes:
        return held.seal(kind, pair.callee.subject, iat, ttl, MID, block, content)

    for _ in range(250):
        length = chance.randint(len(CONTENT), 0xFFFF).to_bytes(2, "big")
        beyond = chance.choice((-1, 1)) * chance.randint(layout.SKEW + 1, 2**40)
        kind = chance.choice([kind for kind in Kind if kind not in {Kind.REQUEST, Kind.PING}])
        block = chance.choice((reply + reply, reply[:-1], reply + b"\x0b", tlv(8, b"1") + reply + tlv(3, b""), b"\x09"))
        inbox = tlv(envelope.REPLY_SUBJECT, chance.choice((b"", b"_INBOX.web.", b"mesh.rpc.a.any.b", own.reply[:-1])))
        messages = (
            sealed(content=length + b"hello"),
            sealed(iat=max(0, NOW + beyond)),
            sealed(kind=kind),
            sealed(ttl=chance.choice((0, layout.MAX_TTL + chance.randint(1, 2**31)))),
            sealed(block=block),
            sealed(block=inbox),
            sealed(block=b""),
        )
        for payload in messages:
            yield partial(pair.open, payload)
        flagged = bytearray(pair.request(to=to))
        flagged[chance.choice((4, 5))] |= 1 << chance.randrange(8)
        yield partial(pair.open, bytes(flagged))


def test_nothing_is_decoded_before_it_is_authenticated(monkeypatch: pytest.MonkeyPatch) -> None:
    """The metadata of a message that does not open is never looked at, however it is made."""
    pair = Pair()
    looked: list[bytes] = []
    original = layout.parts

    def looking(message: bytes) -> envelope.Parts:
        looked.append(message)
        return original(message)

    monkeypatch.setattr(layout, "parts", looking)
    for _ in range(50):
        payload = bytearray(pair.request(content=b"\xff\xff" + bytes(100_000)))
        payload[-20] ^= 1
        assert refused(pair.open, bytes(payload)) is Reason.FORGED
    assert looked == []
