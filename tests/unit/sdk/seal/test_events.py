"""Events: opened under their channel's key, by the publisher's signature, judged by when they were stored."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.handler import Kind
from crossply.seal import schedule, session
from crossply.seal.epochs import OVERLAP, Epoch, Epochs
from crossply.seal.faults import Reason
from crossply.seal.group import Group
from crossply.seal.opener import Opened
from crossply.seal.revoked import Revoked, sign
from crossply.wire import envelope
from crossply.wire.envelope import tlv
from tests.unit.sdk.seal.members import CONTENT, DAY, MID, NOW, Pair, refused

CHANNEL = b"mesh.evt.orders.created"
KEY, NEXT = bytes(range(32)), bytes(range(1, 33))
EPOCHS = Epochs([Epoch(begins, schedule.group_kid(key), key) for begins, key in ((0, KEY), (NOW + 1000, NEXT))])
SIGNED, UNSIGNED = Group(EPOCHS), Group(EPOCHS, signed=False)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def publish(pair: Pair, group: Group = SIGNED, *, introduce: bool = True, channel: bytes = CHANNEL) -> bytes:
    block = tlv(envelope.OPERATION, b"orders.created") + (pair.caller.own.credential if introduce else b"")
    return pair.caller.sealer.seal_event(group, channel, MID, block, CONTENT)


def read(
    pair: Pair, payload: bytes, group: Group = SIGNED, *, channel: bytes = CHANNEL, stored: int | None = None
) -> Opened:
    at = pair.clock.now if stored is None else stored
    return pair.callee.events.open_event(payload, channel, group, at)


@pytest.mark.parametrize("group", [SIGNED, UNSIGNED], ids=["signed", "unsigned"])
def test_an_event_opens_at_every_subscriber_and_says_who_published_it(pair: Pair, group: Group) -> None:
    payload = publish(pair, group)
    for subscriber in (pair.callee, pair.instance("stock", "m7q2mzp4x3ae")):
        pair.callee = subscriber
        opened = read(pair, payload, group)
        assert (opened.parts.kind, opened.parts.mid, opened.parts.body) == (Kind.EVENT, MID, b"hello")
        assert opened.member.peer.service == "web"
        assert not opened.strict


def test_an_event_that_comes_again_opens_again(pair: Pair) -> None:
    payload = publish(pair)
    assert [read(pair, payload).parts.body for _ in range(3)] == [b"hello"] * 3


def test_its_body_does_not_stand_in_it(pair: Pair) -> None:
    assert b"hello" not in publish(pair)


@pytest.mark.parametrize("group", [SIGNED, UNSIGNED], ids=["signed", "unsigned"])
def test_an_event_does_not_open_in_another_channel(pair: Pair, group: Group) -> None:
    assert refused(read, pair, publish(pair, group), group, channel=b"mesh.evt.orders.paid") is Reason.FORGED


def test_an_event_of_the_other_suite_is_not_taken(pair: Pair) -> None:
    signed, unsigned = publish(pair), publish(pair, UNSIGNED)
    assert refused(read, pair, signed, UNSIGNED) is Reason.UNSUPPORTED
    assert refused(read, pair, unsigned + bytes(64), SIGNED) is Reason.UNSUPPORTED
    for payload, group, suite in ((signed[:-64], UNSIGNED, 0x12), (unsigned + signed[-64:], SIGNED, 0x11)):
        swapped = payload[:2] + bytes([suite]) + payload[3:]
        assert refused(read, pair, swapped, group) is Reason.FORGED


def test_a_subscriber_with_the_key_cannot_write_as_the_publisher(pair: Pair) -> None:
    """It knows the publisher's session key, and all it lacks is the signature."""
    payload = publish(pair)
    read(pair, payload)
    digest = pair.caller.own.digest
    key = schedule.group_key(schedule.GROUP_SIGNED, KEY, payload[24:56], CHANNEL, digest)
    other = pair.callee
    forged = session.Session(
        schedule.GROUP_SIGNED,
        payload[8:56],
        key,
        schedule.names(pair.caller.own.identity, CHANNEL),
        began=NOW,
        lineage=other.lineage,
        aead=AESGCM,
        sign=other.own.signing,
    )
    written = forged.seal(Kind.EVENT, CHANNEL, NOW, 0, MID, pair.caller.own.credential, b"\0\0lies")
    assert refused(read, pair, written) is Reason.FORGED


def test_an_event_is_opened_long_after_by_the_key_of_its_time(pair: Pair) -> None:
    payload = publish(pair)
    stored, pair.clock.now = NOW, NOW + 90 * DAY * 1000
    assert read(pair, payload, stored=stored).parts.body == b"hello"


def test_a_key_opens_nothing_that_was_stored_after_its_time(pair: Pair) -> None:
    payload = publish(pair)
    read(pair, payload)
    end = NOW + 1000 + OVERLAP
    assert read(pair, payload, stored=end - 1).parts.body == b"hello"
    assert refused(read, pair, payload, stored=end) is Reason.KEY_UNKNOWN


def test_a_key_that_the_channel_has_not_opens_nothing(pair: Pair) -> None:
    other = Group(Epochs([Epoch(0, schedule.group_kid(bytes(32)), bytes(32))]))
    assert refused(read, pair, publish(pair, other)) is Reason.KEY_UNKNOWN


def test_a_publisher_is_judged_by_when_its_event_was_stored(pair: Pair) -> None:
    payload = publish(pair)
    serial = read(pair, payload).member.serial
    pair.callee.credentials.revoke(sign(Revoked(1, {serial: NOW // 1000 + 5}), pair.authority.key))
    assert read(pair, payload, stored=NOW + 4999).parts.body == b"hello"
    assert refused(read, pair, payload, stored=NOW + 5000) is Reason.CREDENTIAL_REVOKED
    assert refused(read, pair, payload, stored=NOW + DAY * 1000) is Reason.CREDENTIAL_EXPIRED
    assert refused(read, pair, payload, stored=NOW - 300_001) is Reason.CREDENTIAL_EXPIRED


def test_a_credential_may_be_left_out_once_it_is_known(pair: Pair) -> None:
    assert refused(read, pair, publish(pair, introduce=False)) is Reason.CREDENTIAL_MISSING
    read(pair, publish(pair))
    assert read(pair, publish(pair, introduce=False)).parts.body == b"hello"


@pytest.mark.parametrize("kind", [Kind.REQUEST, Kind.RESPONSE, Kind.ITEM])
def test_no_other_kind_is_taken_for_an_event(pair: Pair, kind: Kind) -> None:
    publish(pair)
    [held] = pair.caller.sealer.sessions.values()
    assert refused(read, pair, held.seal(kind, CHANNEL, NOW, 0, MID, b"", CONTENT)) is Reason.MALFORMED
    assert refused(read, pair, held.seal(Kind.EVENT, CHANNEL, NOW, 7, MID, b"", CONTENT)) is Reason.MALFORMED


def test_a_call_does_not_open_as_an_event_nor_an_event_as_a_call(pair: Pair) -> None:
    assert refused(read, pair, pair.request()) is Reason.UNSUPPORTED
    assert refused(pair.open, publish(pair)) is Reason.UNSUPPORTED


def test_the_publishers_remembered_are_bounded(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossply.seal.events._LIMIT", 2)
    for token in "abcde":
        channel = f"mesh.evt.orders.{token}".encode()
        read(pair, publish(pair, channel=channel), channel=channel)
    assert len(pair.callee.events.sessions) <= 2


def test_a_session_that_carries_anothers_credential_is_refused(pair: Pair) -> None:
    read(pair, publish(pair))
    other = pair.instance("stock", "m7q2mzp4x3ae")
    block = other.own.credential
    payload = pair.caller.sealer.seal_event(SIGNED, CHANNEL, MID, block, CONTENT)
    assert refused(read, pair, payload) is Reason.CREDENTIAL_INVALID
