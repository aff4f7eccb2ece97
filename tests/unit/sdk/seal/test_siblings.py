"""Another instance of one service on the subject of an instance: whatever its name and keys, it opens no call to it."""

from __future__ import annotations

import pytest

from crossply.handler import Kind
from crossply.seal.faults import Reason
from tests.unit.sdk.seal.members import MID, Instance, Pair, refused, shared_recipient

NAMES: dict[str, str] = {"under its own name": "m7q2mzp4x3ad", "under the other's name": "m7q2mzp4x3ac"}


@pytest.fixture
def pair() -> Pair:
    return Pair()


@pytest.fixture(params=NAMES.values(), ids=list(NAMES))
def sibling(pair: Pair, request: pytest.FixtureRequest) -> Instance:
    """An instance with keys of its own, a valid credential, and the key of the service."""
    return pair.instance("orders", request.param, shared=pair.shared)


@pytest.mark.parametrize("kind", [Kind.REQUEST, Kind.PING])
def test_it_opens_nothing_that_is_sealed_to_the_other(pair: Pair, sibling: Instance, kind: Kind) -> None:
    for introduce in (True, False):
        payload = pair.request(kind=kind, introduce=introduce)
        sibling.credentials.learn(pair.caller.own.raw)
        for subject in (pair.callee.subject, sibling.subject, b"mesh.rpc.orders.any.quote"):
            assert refused(sibling.open, payload, pair.caller.reply, subject) is Reason.KEY_UNKNOWN
        # Nor with the other's key id taken for one that it holds.
        for kid in (sibling.own.kid, shared_recipient("orders", pair.shared).kid):
            renamed = payload[:16] + kid + payload[24:]
            assert refused(sibling.open, renamed, pair.caller.reply, pair.callee.subject) is Reason.FORGED
        assert pair.open(payload).strict


def test_it_opens_no_reply_to_the_other(pair: Pair) -> None:
    """A sibling of the caller that listens at its inbox."""
    sibling = pair.instance("web", "k7q2mzp4x3ac")
    reply = pair.response()
    for subject in (pair.caller.reply, sibling.reply):
        attempt = sibling.opener.open_reply
        assert refused(attempt, reply, subject, pair.callee.recipient, MID) is Reason.KEY_UNKNOWN
    assert pair.open_reply(reply).strict


def test_it_has_no_replies_to_the_other_sent_to_itself(pair: Pair) -> None:
    sibling = pair.instance("web", "k7q2mzp4x3ac")
    assert refused(pair.open, pair.request(), reply=sibling.reply) is Reason.MISDIRECTED


def test_it_answers_nothing_that_the_other_was_asked(pair: Pair) -> None:
    sibling = pair.instance("orders", "m7q2mzp4x3ad", shared=pair.shared)
    assert refused(pair.open_reply, pair.response(by=sibling)) is Reason.MISDIRECTED
