"""Sessions of a sender: begun for each recipient, ended in time, and never sealing one sequence twice."""

from __future__ import annotations

import copy
import pickle
from collections import Counter
from typing import Any

import pytest

from crossply.seal import session
from crossply.seal.credentials import Recipient
from crossply.seal.epochs import Epoch, Epochs
from crossply.seal.group import Group
from crossply.seal.hpke import HpkeFault
from crossply.seal.layout import MESSAGES
from crossply.seal.schedule import group_kid
from crossply.seal.session import LIFE
from tests.unit.sdk.seal.members import CONTENT, MID, NOW, Pair, shared_recipient

ENC, SEQUENCE = slice(24, 56), slice(56, 64)


@pytest.fixture
def pair() -> Pair:
    return Pair()


def sequence(payload: bytes) -> int:
    return int.from_bytes(payload[SEQUENCE], "big")


def test_a_recipients_messages_share_a_session_and_count_up(pair: Pair) -> None:
    sent = [pair.request() for _ in range(5)]
    assert len({each[ENC] for each in sent}) == 1
    assert [sequence(each) for each in sent] == [0, 1, 2, 3, 4]


def test_each_recipient_has_a_session_of_its_own(pair: Pair) -> None:
    recipients = [pair.callee.recipient, shared_recipient("orders", pair.shared), pair.caller.recipient]
    assert len({pair.request(to=each)[ENC] for each in recipients}) == 3


@pytest.mark.parametrize("passed", [LIFE, -1])
def test_a_session_ends_after_ten_minutes_and_when_the_clock_steps_back(pair: Pair, passed: int) -> None:
    first = pair.request()
    pair.clock.now += passed
    second = pair.request()
    assert first[ENC] != second[ENC]
    assert sequence(second) == 0


def test_a_session_ends_before_its_last_sequence_is_used_twice(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MESSAGES", 3)
    sent = [pair.request() for _ in range(7)]
    assert [sequence(each) for each in sent] == [0, 1, 2, 0, 1, 2, 0]
    assert len({each[ENC] for each in sent}) == 3
    assert MESSAGES == 2**24


def test_a_renewed_credential_begins_new_sessions(pair: Pair) -> None:
    first = pair.request()
    pair.caller.own = pair.authority.holder("web", "k7q2mzp4x3ab")
    pair.caller.sealer.renew(pair.caller.own)
    second = pair.request()
    assert first[8:16] != second[8:16]
    assert first[ENC] != second[ENC]
    assert pair.open(second).parts.body == b"hello"


def test_the_number_of_sessions_is_bounded(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossply.seal.sealer._LIMIT", 4)
    for number in range(9):
        pair.request(to=pair.callee.recipient._replace(instance=f"m7q2mzp4x3a{number}"))
    assert len(pair.caller.sealer.sessions) == 4


def test_the_session_that_began_first_makes_room(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crossply.seal.sealer._LIMIT", 3)
    first, second, third, fourth = (pair.callee.recipient._replace(instance=f"m7q2mzp4x3a{end}") for end in "abcd")
    for to in (first, second):
        pair.request(to=to)
    pair.clock.now += LIFE
    for to in (first, third, fourth):
        pair.request(to=to)
    assert set(pair.caller.sealer.sessions) == {first, third, fourth}


def test_an_instance_is_introduced_until_its_first_reply_opens(pair: Pair) -> None:
    sealer, to = pair.caller.sealer, pair.callee.recipient
    assert sealer.introduction(to) == pair.caller.own.credential
    pair.open(pair.request())
    sealer.introduced(to)
    assert sealer.introduction(to) == b""
    assert pair.open(pair.request(introduce=False)).parts.body == b"hello"


def test_a_new_session_with_one_that_knows_this_instance_needs_no_introduction(pair: Pair) -> None:
    pair.request()
    pair.caller.sealer.introduced(pair.callee.recipient)
    pair.clock.now += LIFE
    pair.request(introduce=False)
    assert pair.caller.sealer.introduction(pair.callee.recipient) == b""


def test_one_that_refused_is_introduced_anew(pair: Pair) -> None:
    sealer, to = pair.caller.sealer, pair.callee.recipient
    pair.request()
    sealer.introduced(to)
    sealer.forgotten(to)
    assert sealer.introduction(to) == pair.caller.own.credential


def test_a_service_is_introduced_to_always_as_its_instances_share_the_session(pair: Pair) -> None:
    anyone = shared_recipient("orders", pair.shared)
    pair.request(to=anyone)
    pair.caller.sealer.introduced(anyone)
    assert pair.caller.sealer.introduction(anyone) == pair.caller.own.credential


def test_a_recipient_whose_key_is_of_small_order_is_refused(pair: Pair) -> None:
    with pytest.raises(HpkeFault):
        pair.request(to=Recipient("spiffe://mesh.test/t/acme/svc/x", bytes(8), bytes(32), "m7q2mzp4x3ac"))


@pytest.mark.parametrize("fields", [{"subject": b"x" * 256}, {"extra": bytes(5000)}])
def test_what_no_message_can_hold_is_refused_before_a_sequence_is_used(pair: Pair, fields: dict[str, bytes]) -> None:
    pair.request()
    with pytest.raises(ValueError, match="255 and 4096"):
        pair.request(subject=fields.get("subject"), extra=fields.get("extra", b""))
    assert sequence(pair.request()) == 1


def test_a_publisher_has_a_session_for_each_channel_and_epoch(pair: Pair) -> None:
    keys = [bytes([number]) * 32 for number in range(2)]
    group = Group(Epochs([Epoch(begins, group_kid(key), key) for begins, key in zip((0, NOW + 5), keys, strict=True)]))

    def publish(channel: bytes) -> bytes:
        return pair.caller.sealer.seal_event(group, channel, MID, b"", CONTENT)

    sent = [publish(b"mesh.evt.orders.created"), publish(b"mesh.evt.orders.created"), publish(b"mesh.evt.orders.paid")]
    pair.clock.now += 5
    sent.append(publish(b"mesh.evt.orders.created"))
    pair.clock.now += LIFE
    sent.append(publish(b"mesh.evt.orders.created"))
    pair.clock.now -= 1
    sent.append(publish(b"mesh.evt.orders.created"))
    assert [sequence(each) for each in sent] == [0, 1, 0, 0, 0, 0]
    assert len({each[ENC] for each in sent}) == 5
    assert sent[0][16:24] == group_kid(keys[0])
    assert sent[3][16:24] == group_kid(keys[1])


def test_a_publishers_session_ends_too(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MESSAGES", 2)
    key = bytes(32)
    group = Group(Epochs([Epoch(0, group_kid(key), key)]), signed=False)
    sent = [pair.caller.sealer.seal_event(group, b"mesh.evt.a.b", MID, b"", CONTENT) for _ in range(3)]
    assert Counter(sequence(each) for each in sent) == {0: 2, 1: 1}
    assert sent[0][ENC] == sent[1][ENC] != sent[2][ENC]


def kept(pair: Pair) -> list[Any]:
    """Everything that holds keys or sequences."""
    payload, callee = pair.request(), pair.callee
    pair.open(payload)
    return [
        *pair.caller.sealer.sessions.values(),
        pair.caller.sealer,
        callee.opener,
        callee.opener.sessions,
        callee.opener.sessions.get(payload[8:56]),
        callee.events,
        callee.ring,
        callee.own,
    ]


@pytest.mark.parametrize("number", range(8))
@pytest.mark.parametrize("how", [copy.copy, copy.deepcopy, pickle.dumps])
def test_what_holds_keys_is_neither_copied_nor_pickled(pair: Pair, how: Any, number: int) -> None:
    everything = kept(pair)
    assert len(everything) == 8
    with pytest.raises(TypeError, match="never copied or pickled"):
        how(everything[number])


def test_a_copy_of_what_holds_a_sealer_fails_too(pair: Pair) -> None:
    pair.request()
    with pytest.raises(TypeError, match="never copied"):
        copy.deepcopy({"here": [pair.caller]})
