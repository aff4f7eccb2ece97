"""Which replies open: by the one that was asked, to what was asked, sealed to the instance that asked."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.handler import Kind
from crossply.seal.faults import Reason
from crossply.seal.refusal import refusal
from tests.unit.sdk.seal.members import MID, Pair, refused, shared_recipient


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.mark.parametrize("kind", [Kind.REQUEST, Kind.EVENT, Kind.PING, Kind.CREDIT])
def test_no_other_kind_is_taken_for_a_reply(pair: Pair, kind: Kind) -> None:
    assert refused(pair.open_reply, pair.response(kind=kind)) is Reason.MALFORMED


def test_a_reply_by_another_service_is_not_the_one_asked_for(pair: Pair) -> None:
    other = pair.instance("stock", "m7q2mzp4x3ae")
    assert refused(pair.open_reply, pair.response(by=other)) is Reason.MISDIRECTED
    anyone = shared_recipient("orders", pair.shared)
    assert refused(pair.open_reply, pair.response(by=other), to=anyone) is Reason.MISDIRECTED


@pytest.mark.parametrize(("asked", "answers"), [("pay", "payments"), ("payments", "pay"), ("pay", "pay-2")])
def test_a_name_that_begins_like_anothers_is_not_that_one(asked: str, answers: str) -> None:
    pair = Pair()
    pair.callee, other = pair.instance(asked, "m7q2mzp4x3ac"), pair.instance(answers, "m7q2mzp4x3ac")
    assert refused(pair.open_reply, pair.response(by=other)) is Reason.MISDIRECTED
    # Nor does it have its replies sent there, by the very instance's name.
    pair.caller = other
    other.reply = pair.instance(asked, "m7q2mzp4x3ac").reply
    assert refused(pair.open, pair.request()) is Reason.MISDIRECTED


def test_a_reply_by_a_sibling_of_the_instance_asked_is_not_the_one_asked_for(pair: Pair) -> None:
    sibling = pair.instance("orders", "m7q2mzp4x3ad")
    assert refused(pair.open_reply, pair.response(by=sibling)) is Reason.MISDIRECTED
    anyone = shared_recipient("orders", pair.shared)
    assert pair.open_reply(pair.response(by=sibling), to=anyone).member.peer.instance == "m7q2mzp4x3ad"


def test_a_reply_to_another_message_is_not_the_one_asked_for(pair: Pair) -> None:
    assert refused(pair.open_reply, pair.response(), mid=bytes(16)) is Reason.MISDIRECTED


def test_a_reply_must_be_sealed_to_the_instance_itself() -> None:
    pair, shared = Pair(), X25519PrivateKey.generate()
    pair.caller = pair.instance("web", "k7q2mzp4x3ab", shared=shared)
    assert refused(pair.open_reply, pair.response(to=shared_recipient("web", shared))) is Reason.MISDIRECTED


def test_a_reply_is_opened_once(pair: Pair) -> None:
    payload = pair.response()
    pair.open_reply(payload)
    assert refused(pair.open_reply, payload) is Reason.REPLAYED


def test_a_refusal_is_told_from_all_else(pair: Pair) -> None:
    assert refused(pair.open_reply, refusal(MID)) is Reason.REFUSED
    # Shorter than anything that is sealed.
    assert refused(pair.open_reply, refusal(bytes(16))) is Reason.MALFORMED
    assert refused(pair.open_reply, refusal(MID) + b"\0") is Reason.MALFORMED


def test_a_reply_is_unsealed_for_the_one_that_asked_alone(pair: Pair) -> None:
    opener, reply, to = pair.caller.opener, pair.caller.reply, pair.callee.recipient
    assert opener.unseal_reply(pair.response(), reply, to, MID).member.peer.service == "orders"
    assert refused(opener.unseal_reply, refusal(MID), reply, to, MID) is Reason.REFUSED
    sibling = pair.instance("orders", "m7q2mzp4x3ad")
    assert refused(opener.unseal_reply, pair.response(by=sibling), reply, to, MID) is Reason.MISDIRECTED
