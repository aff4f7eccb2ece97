"""What opens: sealed by a member in force, to this instance, lately, and once; and in which order that is checked."""

from __future__ import annotations

import threading

import pytest

from crossply.handler import Kind
from crossply.seal import layout
from crossply.seal.credentials import Recipient
from crossply.seal.faults import Reason, SealFault
from crossply.seal.revoked import Revoked, sign
from crossply.seal.session import LIFE
from crossply.wire import envelope
from crossply.wire.envelope import EnvelopeFault, tlv
from tests.unit.sdk.seal.members import CONTENT, DAY, MID, NOW, Authority, Instance, Pair, refused, shared_recipient


@pytest.fixture
def pair() -> Pair:
    return Pair()


def test_a_call_and_its_reply_open_and_say_who_sent_them(pair: Pair) -> None:
    asked = pair.open(pair.request())
    assert (asked.parts.kind, asked.parts.mid, asked.parts.ttl, asked.parts.iat) == (Kind.REQUEST, MID, 5000, NOW)
    assert asked.parts.body == b"hello"
    assert asked.parts.tlvs[envelope.OPERATION] == b"quote"
    assert (asked.member.peer.service, asked.member.peer.instance) == ("web", "k7q2mzp4x3ab")
    assert asked.strict
    answered = pair.open_reply(pair.response(to=asked.member.recipient))
    assert answered.parts.body == b"hello"
    assert answered.member.peer.identity == "spiffe://mesh.test/t/acme/svc/orders"


def test_what_is_unsealed_is_the_message_with_its_content_in_the_clear(pair: Pair) -> None:
    payload = pair.request()
    found = pair.callee.opener.unseal_request(payload, pair.callee.subject, pair.caller.reply)
    parts = layout.parts(found.message)
    assert (parts.mid, parts.body, parts.tlvs[envelope.OPERATION]) == (MID, b"hello", b"quote")
    assert found.message.startswith(payload[: -len(CONTENT) - layout.TAG])
    assert found.member.peer.service == "web"
    assert found.strict


def test_metadata_and_body_are_told_apart(pair: Pair) -> None:
    opened = pair.open(pair.request(content=b"\0\3abcbody"))
    assert (opened.parts.metadata, opened.parts.body) == (b"abc", b"body")


def test_neither_metadata_nor_body_stands_in_the_message(pair: Pair) -> None:
    payload = pair.request(content=b"\0\6canary" + b"canary")
    assert b"canary" not in payload
    assert len(payload) == payload.index(pair.caller.reply) + len(pair.caller.reply) + 14 + layout.TAG


def test_pings_and_pongs_travel_the_same_way(pair: Pair) -> None:
    assert pair.open(pair.request(kind=Kind.PING)).parts.kind is Kind.PING
    assert pair.open_reply(pair.response(kind=Kind.PONG)).parts.kind is Kind.PONG


def test_what_is_sealed_to_a_service_opens_at_each_of_its_instances_and_is_not_strict(pair: Pair) -> None:
    sibling = pair.instance("orders", "m7q2mzp4x3ad", shared=pair.shared)
    subject = b"mesh.rpc.orders.any.quote"
    payload = pair.request(to=shared_recipient("orders", pair.shared), subject=subject)
    for each in (pair.callee, sibling):
        assert not each.open(payload, pair.caller.reply, subject).strict


def test_what_is_sealed_to_an_instance_opens_at_no_sibling_even_on_its_subject(pair: Pair) -> None:
    sibling = pair.instance("orders", "m7q2mzp4x3ad", shared=pair.shared)
    assert refused(sibling.open, pair.request(), pair.caller.reply, pair.callee.subject) is Reason.KEY_UNKNOWN


def test_a_credential_that_was_seen_once_need_not_be_sent_again(pair: Pair) -> None:
    assert refused(pair.open, pair.request(introduce=False)) is Reason.CREDENTIAL_MISSING
    pair.open(pair.request())
    assert pair.open(pair.request(introduce=False)).parts.body == b"hello"


def test_a_message_is_opened_once(pair: Pair) -> None:
    payload = pair.request()
    pair.open(payload)
    assert refused(pair.open, payload) is Reason.REPLAYED


def test_a_message_seen_before_a_hand_over_is_known_after_it(pair: Pair) -> None:
    first, second = pair.request(), pair.request()
    brought_by = {"old connection": [second, first], "new connection": [first, second]}
    for payload in brought_by["old connection"]:
        pair.open(payload)
    assert [refused(pair.open, payload) for payload in brought_by["new connection"]] == [Reason.REPLAYED] * 2


def test_of_many_threads_that_bring_a_sessions_first_message_one_opens_it(pair: Pair) -> None:
    for _ in range(5):
        pair.caller.sealer.forgotten(pair.callee.recipient)
        payload, opened = pair.request(), list[bytes]()

        def bring(payload: bytes = payload, opened: list[bytes] = opened) -> None:
            try:
                opened.append(pair.open(payload).parts.body)
            except SealFault as fault:
                assert fault.reason is Reason.REPLAYED  # noqa: PT017 - eight threads, of which seven are refused

        threads = [threading.Thread(target=bring) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert opened == [b"hello"]


def test_a_restarted_instance_opens_nothing_that_was_sealed_to_it_before(pair: Pair) -> None:
    payload = pair.request()
    again = pair.instance("orders", "m7q2mzp4x3ac", shared=pair.shared)
    assert refused(again.open, payload, pair.caller.reply) is Reason.KEY_UNKNOWN


def test_one_that_restarts_with_its_keys_refuses_what_is_older(pair: Pair) -> None:
    payload = pair.request()
    pair.clock.now += 1000
    again = Instance(pair.authority, "orders", "m7q2mzp4x3ac", pair.clock, own=pair.callee.own, since=NOW + 500)
    assert refused(again.open, payload, pair.caller.reply) is Reason.STALE
    assert again.open(pair.request(), pair.caller.reply).strict


@pytest.mark.parametrize("late", [-layout.SKEW - 1, layout.SKEW + 1])
def test_a_message_is_fresh_within_five_seconds_of_either_clock(pair: Pair, late: int) -> None:
    payload, other = pair.request(), pair.request()
    pair.clock.now += late
    assert refused(pair.open, payload) is Reason.STALE
    pair.clock.now -= 1 if late > 0 else -1
    assert pair.open(other).parts.iat == NOW


@pytest.mark.parametrize("late", [-5_001, 5_001])
def test_a_message_that_was_held_back_is_stale_in_a_session_that_runs_too(pair: Pair, late: int) -> None:
    pair.open(pair.request())
    held, at_the_edge = pair.request(), pair.request()
    pair.clock.now += late
    assert refused(pair.open, held) is Reason.STALE
    pair.clock.now -= 1 if late > 0 else -1
    pair.open(at_the_edge)


def test_a_request_on_another_subject_does_not_open(pair: Pair) -> None:
    elsewhere = pair.callee.subject.replace(b"quote", b"cancel")
    assert refused(pair.open, pair.request(), elsewhere) is Reason.FORGED


def test_a_subject_longer_than_any_is_no_more_than_a_fault(pair: Pair) -> None:
    assert refused(pair.open, pair.request(), b"x" * 300) is Reason.MALFORMED


def test_a_request_with_another_reply_subject_than_it_was_sent_with_does_not_open(pair: Pair) -> None:
    assert refused(pair.open, pair.request(), reply=b"_INBOX.web.k7q2mzp4x3ab.2f") is Reason.MISDIRECTED


def test_a_member_may_not_have_replies_sent_to_another(pair: Pair) -> None:
    pair.caller.reply = b"_INBOX.web.k7q2mzp4x3az.1f"
    assert refused(pair.open, pair.request()) is Reason.MISDIRECTED


def test_a_request_without_a_deadline_is_none(pair: Pair) -> None:
    with pytest.raises(ValueError, match="ttl of 0 ms"):
        pair.request(ttl=0)
    own = pair.caller
    block = own.own.credential + tlv(envelope.REPLY_SUBJECT, own.reply)
    payload = own.sealer.seal_reply(pair.callee.recipient, Kind.REQUEST, pair.callee.subject, MID, block, CONTENT)
    assert refused(pair.open, payload) is Reason.MALFORMED


@pytest.mark.parametrize("kind", [Kind.RESPONSE, Kind.ERROR, Kind.EVENT, Kind.PONG, Kind.ITEM])
def test_no_other_kind_is_taken_for_a_request(pair: Pair, kind: Kind) -> None:
    assert refused(pair.open, pair.request(kind=kind)) is Reason.MALFORMED


def test_metadata_longer_than_the_message_is_refused(pair: Pair) -> None:
    assert refused(pair.open, pair.request(content=b"\0\x05abcd")) is Reason.MALFORMED


def test_a_critical_tlv_that_is_not_known_is_refused_and_another_is_skipped(pair: Pair) -> None:
    assert refused(pair.open, pair.request(extra=tlv(11, b"new"))) is Reason.MALFORMED
    assert pair.open(pair.request(extra=tlv(0x80, b"new"))).parts.body == b"hello"


def test_a_credential_counts_from_its_beginning_to_its_end(pair: Pair) -> None:
    pair.open(pair.request())
    pair.clock.now = NOW + DAY * 1000
    assert refused(pair.open, pair.request()) is Reason.CREDENTIAL_EXPIRED
    pair.clock.now -= 1
    pair.open(pair.request())
    pair.clock.now = NOW - 300_001
    assert refused(pair.open, pair.request()) is Reason.CREDENTIAL_EXPIRED


def test_a_credential_ends_in_a_session_that_runs(pair: Pair) -> None:
    pair.clock.now = NOW + DAY * 1000 - 2_000
    pair.open(pair.request())
    pair.clock.now += 1_999
    pair.open(pair.request())
    pair.clock.now += 1
    assert refused(pair.open, pair.request()) is Reason.CREDENTIAL_EXPIRED


def test_a_revoked_credential_ends_in_a_session_that_runs(pair: Pair) -> None:
    serial = pair.open(pair.request()).member.serial
    pair.callee.credentials.revoke(sign(Revoked(1, {serial: NOW // 1000}), pair.authority.key))
    assert refused(pair.open, pair.request()) is Reason.CREDENTIAL_REVOKED
    pair.caller.sealer.forgotten(pair.callee.recipient)
    assert refused(pair.open, pair.request()) is Reason.CREDENTIAL_REVOKED


def test_a_credential_of_another_authority_is_not_believed(pair: Pair) -> None:
    payload = pair.request()
    foreign = Instance(Authority(), "web", "k7q2mzp4x3ab", pair.clock)
    pair.caller.sealer.renew(foreign.own)
    pair.caller.own = foreign.own
    assert refused(pair.open, pair.request()) is Reason.CREDENTIAL_INVALID
    assert pair.open(payload).parts.body == b"hello"


def test_a_message_in_a_session_that_carries_anothers_credential_does_not_open(pair: Pair) -> None:
    other, own = pair.instance("stock", "m7q2mzp4x3ae"), pair.caller
    pair.open(pair.request())
    block = other.own.credential + tlv(envelope.REPLY_SUBJECT, own.reply)
    payload = own.sealer.seal_request(pair.callee.recipient, Kind.REQUEST, pair.callee.subject, 9, MID, block, CONTENT)
    assert refused(pair.open, payload) is Reason.CREDENTIAL_INVALID


def test_a_sender_begins_no_more_than_a_hundred_sessions_a_second(pair: Pair) -> None:
    reasons: list[Reason | None] = []
    for _ in range(140):
        pair.caller.sealer.forgotten(pair.callee.recipient)
        payload = bytearray(pair.request())
        payload[-1] ^= 1  # costs a key agreement, and is kept nowhere
        reasons.append(refused(pair.open, bytes(payload)))
    assert reasons == [Reason.FORGED] * 100 + [Reason.TOO_MANY_SESSIONS] * 40
    pair.clock.now += 1000
    pair.open(pair.request())


def test_a_session_is_refused_when_no_honest_sender_would_still_use_it(pair: Pair) -> None:
    pair.open(pair.request())
    [held] = pair.caller.sealer.sessions.values()
    pair.clock.now += LIFE + layout.SKEW
    held.until = pair.clock.now + LIFE
    pair.open(pair.request())
    pair.clock.now += 1
    assert refused(pair.open, pair.request()) is Reason.STALE


def test_a_renewed_instance_key_opens_at_once_and_the_one_before_for_a_while(pair: Pair) -> None:
    before = pair.callee.recipient
    renewed = pair.authority.holder("orders", "m7q2mzp4x3ac")
    pair.callee.ring.renew(renewed, pair.clock.now)
    after = pair.caller.credentials.learn(renewed.raw).recipient
    assert pair.open(pair.request(to=before)).strict
    assert pair.open(pair.request(to=after)).strict


def test_each_fault_is_found_by_the_first_check_that_can_find_it(pair: Pair) -> None:
    """One message wrong in every way, mended from the outside in."""
    wrong = Instance(Authority(), "web", "k7q2mzp4x3ab", pair.clock)
    stranger = Recipient(pair.callee.recipient.identity, b"nobody..", pair.callee.recipient.public, "m7q2mzp4x3ac")
    fine = pair.request()
    pair.caller.sealer.renew(wrong.own)
    held = pair.caller.own
    pair.caller.own = wrong.own
    message = bytearray(pair.request(to=stranger))
    message[2], message[8 + 56 : 8 + 64] = 0x02, bytes(8)
    found = [refused(pair.open, bytes(message))]
    message[2] = 0x01
    found.append(refused(pair.open, bytes(message)))
    message[64:72] = NOW.to_bytes(8, "big")
    found.append(refused(pair.open, bytes(message)))
    pair.caller.sealer.renew(held)
    pair.caller.own = held
    message = bytearray(pair.request(to=stranger))
    found.append(refused(pair.open, bytes(message)))
    message[16:24] = pair.callee.recipient.kid
    found.append(refused(pair.open, bytes(message)))
    pair.open(fine)
    found.append(refused(pair.open, fine))
    assert found == [
        Reason.UNSUPPORTED,
        Reason.STALE,
        Reason.CREDENTIAL_INVALID,
        Reason.KEY_UNKNOWN,
        Reason.FORGED,
        Reason.REPLAYED,
    ]


def test_every_fault_is_one_that_the_wire_already_takes_for_no_envelope(pair: Pair) -> None:
    with pytest.raises(EnvelopeFault):
        pair.open(b"")
