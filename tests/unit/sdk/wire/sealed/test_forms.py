"""Forms of sealed messages: sealed and opened as field by field, and what differs is not taken for what is like it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec
import pytest

from crossply.handler import Facts, Kind, Request, Response
from crossply.seal import layout
from crossply.seal.faults import SessionSpent
from crossply.seal.opener import Opener, Unsealed
from crossply.wire import envelope
from crossply.wire import message as messages
from crossply.wire.credential import Credential
from crossply.wire.sealed.forms import KEY, ReplyReader, ReplyWriter, RequestReader, RequestWriter
from crossply.wire.sealed.message import content, reply_block, request_block, request_content
from crossply.wire.senders import Sender
from tests.unit.sdk.seal.members import NOW, Pair

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ID = bytes(range(16))
TTL, RECEIVED = 2500, 10.0
SEQUENCE = slice(layout.START, layout.START + 8)
FACTS = Facts(idempotent=True)


def a_request(**said: object) -> Request:
    request = Request("orders.quote", b"a body", id=ID, traceparent=TRACE)
    for name, value in said.items():
        setattr(request, name, value)
    return request


@dataclass
class Ends:
    """A caller and a callee in the middle of a session, what they send, and how it is opened field by field."""

    pair: Pair = field(default_factory=Pair)

    def __post_init__(self) -> None:
        caller, callee = self.pair.caller, self.pair.callee
        callee.credentials.learn(caller.own.raw)
        caller.credentials.learn(callee.own.raw)
        self.inbox = caller.reply[: caller.reply.rfind(b".") + 1]
        self.sender = Sender(Credential(identity="spiffe://mesh.test/t/acme/svc/web", instance=caller.instance))

    def request(self, request: Request, token: bytes, *, extra: bytes = b"", spoilt: bytes | None = None) -> bytes:
        """Return a request as it is sealed field by field; ``spoilt`` is its content, when it is to be another."""
        caller, callee = self.pair.caller, self.pair.callee
        block = request_block(self.sender, request, b"", self.inbox + token) + extra
        sealed = request_content(request, len(block)) if spoilt is None else spoilt
        return caller.sealer.seal_request(callee.recipient, request.kind, callee.subject, TTL, ID, block, sealed)

    def request_writer(self, request: Request, token: bytes) -> RequestWriter:
        """Return the form of requests that go as this one does."""
        caller, callee = self.pair.caller, self.pair.callee
        session = caller.sealer.session(callee.recipient)
        assert session is not None
        return RequestWriter(session, self.sender.names(request), callee.subject, self.inbox, len(token))

    def unsealed(self, payload: bytes, token: bytes) -> Unsealed:
        """Open a request, elsewhere than where forms open it, so that both see it for the first time."""
        callee = self.pair.callee
        opener = Opener(callee.ring, callee.credentials, callee.lineage, clock=self.pair.clock)
        return opener.unseal_request(payload, callee.subject, self.inbox + token)

    def request_reader(self, token: bytes, **said: object) -> RequestReader:
        """Return the form of requests that come as the first one does."""
        callee, payload = self.pair.callee, self.request(a_request(**said), token)
        unsealed = callee.opener.unseal_request(payload, callee.subject, self.inbox + token)
        parts = layout.parts(unsealed.message)
        assert RequestReader.fits(parts)
        return RequestReader(callee.opener, parts, unsealed, callee.subject, "orders.quote", introduced=True)

    def open(self, form: RequestReader, payload: bytes, token: bytes) -> Request | None:
        """Open a request by a form, on the subject and with the reply subject that it is sent with."""
        return form.open(payload, self.pair.callee.subject, self.inbox + token, RECEIVED)

    def reply(self, body: bytes, token: bytes, *, asked: bytes = ID, said: bytes = b"") -> bytes:
        """Return a reply as it is sealed field by field."""
        caller, callee = self.pair.caller, self.pair.callee
        block = reply_block(self.sender.content_type("application/json"), asked, b"")
        sealed = content("reply", said, body, len(block))
        return callee.sealer.seal_reply(caller.recipient, Kind.RESPONSE, self.inbox + token, ID[::-1], block, sealed)

    def reply_reader(self, token: bytes) -> ReplyReader:
        """Return the form of replies that come as the first one does."""
        caller, callee = self.pair.caller, self.pair.callee
        unsealed = caller.opener.unseal_reply(self.reply(b"first", token), self.inbox + token, callee.recipient, ID)
        response = Response(b"first", "application/json", None, FACTS)
        parts = layout.parts(unsealed.message)
        assert ReplyReader.fits(parts, response)
        return ReplyReader(caller.opener, parts, response, unsealed)


@pytest.fixture
def ends() -> Ends:
    made = Ends()
    made.unsealed(made.request(a_request(), b"1f"), b"1f")
    return made


def same_but_for_sequence(one: bytes, other: bytes) -> bool:
    return one[: SEQUENCE.start] + one[SEQUENCE.stop :] == other[: SEQUENCE.start] + other[SEQUENCE.stop :]


def plain(value: Request | Response) -> object:
    return msgspec.structs.asdict(value)


# Requests


@pytest.mark.parametrize("token", [b"1", b"2f", b"00000001", b"123456789ab"])
@pytest.mark.parametrize("attempt", [1, 2, 255, 300])
def test_a_form_seals_what_is_sealed_field_by_field(ends: Ends, token: bytes, attempt: int) -> None:
    request = a_request(attempt=attempt, content_type="application/json", metadata={"a": "b"})
    form = ends.request_writer(request, token)
    sealed = form.seal(request, TRACE.encode(), token, NOW, TTL, request_content(request, form.tlvs))
    found = ends.unsealed(sealed, token).message
    assert same_but_for_sequence(found, ends.unsealed(ends.request(request, token), token).message)


def test_a_form_takes_each_of_its_numbers_from_its_session(ends: Ends) -> None:
    request = a_request()
    form = ends.request_writer(request, b"1f")
    numbers = [
        payload[SEQUENCE]
        for _ in range(3)
        for payload in (
            ends.request(request, b"1f"),
            form.seal(request, TRACE.encode(), b"1f", NOW, TTL, b"\0\0"),
        )
    ]
    assert len(set(numbers)) == 6


def test_a_form_ends_with_its_session(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    request = a_request()
    form = ends.request_writer(request, b"1f")
    monkeypatch.setattr(form.session, "next", lambda: layout.MESSAGES)
    with pytest.raises(SessionSpent):
        form.seal(request, TRACE.encode(), b"1f", NOW, TTL, b"\0\0")
    ends.pair.caller.sealer.forgotten(ends.pair.callee.recipient)
    assert form.session.until == 0


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


def test_a_form_seals_the_reply_that_is_sealed_field_by_field(ends: Ends) -> None:
    caller, callee = ends.pair.caller, ends.pair.callee
    by_hand = caller.opener.unseal_reply(ends.reply(b"a", b"1f"), ends.inbox + b"1f", callee.recipient, ID)
    session = callee.sealer.session(caller.recipient)
    assert session is not None
    form = ReplyWriter(session, "application/json", None, b"")
    sealed = form.seal(ends.inbox + b"2f", ID, ID[::-1], NOW, b"a")
    by_form = caller.opener.unseal_reply(sealed, ends.inbox + b"2f", callee.recipient, ID)
    assert same_but_for_sequence(by_form.message, by_hand.message)


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
