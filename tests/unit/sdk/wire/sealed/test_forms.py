"""Forms of sealed messages that come: opened as field by field, and what differs is not taken for what is like it."""

from __future__ import annotations

import pytest

from crossply.handler import Response
from crossply.seal import layout
from crossply.seal.opener import Unsealed
from crossply.wire import envelope
from crossply.wire import message as messages
from crossply.wire.sealed.forms import KEY, RequestReader
from tests.unit.sdk.seal.members import NOW
from tests.unit.sdk.wire.sealed.ends import (
    FACTS,
    ID,
    RECEIVED,
    Ends,
    a_request,
    plain,
)


@pytest.fixture
def ends() -> Ends:
    made = Ends()
    made.unsealed(made.request(a_request(), b"1f"), b"1f")
    return made


@pytest.mark.parametrize("token", [b"1f", b"00000001"])
@pytest.mark.parametrize("said", [{}, {"metadata": {"a": "b"}, "key": "k", "attempt": 2}])
def test_a_form_opens_what_is_opened_field_by_field(ends: Ends, token: bytes, said: dict[str, object]) -> None:
    form = ends.request_reader(token)
    payload = ends.request(a_request(body=b"another", **said), token[::-1])
    read = ends.open(form, payload, token[::-1])
    unsealed = ends.unsealed(payload, token[::-1])
    parts = layout.parts(unsealed.message)
    expected = messages.unpack_request(parts, "orders.quote", unsealed.member.peer, RECEIVED)
    expected.member, expected.introduced = unsealed.member, True
    assert read is not None
    assert plain(read) == plain(expected)


def test_a_form_takes_nothing_with_a_bit_that_is_another_and_what_it_refused_stays_to_be_taken(ends: Ends) -> None:
    form, payload = ends.request_reader(b"1f"), ends.request(a_request(metadata={"a": "b"}), b"1f")
    for at in range(KEY, len(payload)):
        changed = bytearray(payload)
        changed[at] ^= 1 << at % 8
        assert ends.open(form, bytes(changed), b"1f") is None
    for cut in (0, KEY, layout.SIZE, len(payload) - 1):
        assert ends.open(form, payload[:cut], b"1f") is None
    assert ends.open(form, payload, b"1f") is not None


def test_a_form_takes_a_message_once(ends: Ends) -> None:
    form, payload = ends.request_reader(b"1f"), ends.request(a_request(), b"1f")
    assert ends.open(form, payload, b"1f") is not None
    assert ends.open(form, payload, b"1f") is None


def test_what_is_not_like_it_is_left_to_who_reads_field_by_field(ends: Ends) -> None:
    form, callee = ends.request_reader(b"1f"), ends.pair.callee
    for other in (a_request(operation="orders.quota"), a_request(content_type="application/json")):
        assert ends.open(form, ends.request(other, b"1f"), b"1f") is None
    assert ends.open(form, ends.request(a_request(), b"1f"), b"2f") is None
    payload = ends.request(a_request(), b"1f")
    assert form.open(payload, callee.subject[:-1] + b"x", ends.inbox + b"1f", RECEIVED) is None
    assert form.open(payload, callee.subject, b"_INBOX.eve.aaaaaaaaaaaa.1f", RECEIVED) is None


def test_a_form_takes_nothing_of_a_session_that_was_forgotten(ends: Ends) -> None:
    form = ends.request_reader(b"1f")
    ends.pair.callee.opener.sessions.clear()
    assert ends.open(form, ends.request(a_request(), b"1f"), b"1f") is None


def test_a_form_takes_nothing_that_is_too_old_or_of_one_who_is_not_in_force(ends: Ends) -> None:
    form, clock = ends.request_reader(b"1f"), ends.pair.clock
    late, ahead = ends.request(a_request(), b"1f"), ends.request(a_request(), b"1f")
    clock.now = NOW + layout.SKEW + 1
    assert ends.open(form, late, b"1f") is None
    clock.now = ends.pair.callee.credentials.learn(ends.pair.caller.own.raw).ends
    assert ends.open(form, ahead, b"1f") is None


def test_who_sealed_metadata_that_cannot_be_read_is_to_be_told(ends: Ends) -> None:
    form = ends.request_reader(b"1f")
    for spoilt in (b"\0\7\xff\xff", b"\0\1\xc1body"):
        with pytest.raises(messages.Unreadable) as told:
            ends.open(form, ends.request(a_request(), b"1f", spoilt=spoilt), b"1f")
        assert (told.value.asked.id, told.value.asked.member) == (
            ID,
            ends.unsealed(ends.request(a_request(), b"1f"), b"1f").member,
        )


def test_what_has_more_in_it_than_forms_compare_makes_none(ends: Ends) -> None:
    for payload in (
        ends.request(a_request(traceparent=None), b"1f"),
        ends.request(a_request(tracestate="a=b"), b"1f"),
        ends.request(a_request(), b"1f", extra=envelope.tlv(0x90, b"skipped")),
    ):
        assert not RequestReader.fits(layout.parts(ends.unsealed(payload, b"1f").message))


# Replies


def test_a_form_opens_the_reply_to_what_was_asked_and_no_other(ends: Ends) -> None:
    form = ends.reply_reader(b"1f")
    payload = ends.reply(b"second", b"2f")
    assert form.open(payload, ends.inbox + b"1f", ID) is None
    assert form.open(payload, ends.inbox + b"2f", ID[::-1]) is None
    assert form.open(ends.reply(b"other", b"2f", asked=ID[::-1]), ends.inbox + b"2f", ID) is None
    found = form.open(payload, ends.inbox + b"2f", ID)
    assert isinstance(found, Response)
    assert (found.body, found.content_type, found.facts) == (b"second", "application/json", FACTS)
    assert found.peer is not None
    assert found.peer.service == "orders"
    assert form.open(payload, ends.inbox + b"2f", ID) is None


def test_a_form_takes_no_reply_with_a_bit_that_is_another(ends: Ends) -> None:
    form, payload = ends.reply_reader(b"1f"), ends.reply(b"second", b"1f")
    for at in range(KEY, len(payload)):
        changed = bytearray(payload)
        changed[at] ^= 1 << at % 8
        assert form.open(bytes(changed), ends.inbox + b"1f", ID) is None
    assert form.open(payload[:-1], ends.inbox + b"1f", ID) is None
    assert form.open(payload, ends.inbox + b"1f", ID) is not None


def test_a_reply_that_says_more_is_opened_and_left_to_who_reads_field_by_field(ends: Ends) -> None:
    form = ends.reply_reader(b"1f")
    found = form.open(ends.reply(b"second", b"1f", said=b"\x80"), ends.inbox + b"1f", ID)
    assert isinstance(found, Unsealed)
    assert layout.parts(found.message).metadata == b"\x80"


def test_a_form_takes_no_reply_of_a_session_that_was_forgotten(ends: Ends) -> None:
    form = ends.reply_reader(b"1f")
    ends.pair.caller.opener.sessions.clear()
    assert form.open(ends.reply(b"second", b"1f"), ends.inbox + b"1f", ID) is None
