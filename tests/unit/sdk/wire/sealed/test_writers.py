"""Forms of sealed messages that go: sealed as field by field, and nothing that is not like what they were made for."""

from __future__ import annotations

import msgspec
import pytest

from crossply.errors import CallError, PayloadTooLarge
from crossply.handler import Kind, Response
from crossply.seal import layout
from crossply.wire import message as messages
from crossply.wire.sealed.writers import ReplyWriter, RequestWriter
from tests.unit.sdk.seal.members import NOW
from tests.unit.sdk.wire.sealed.ends import (
    FACTS,
    ID,
    OF_ITS_OWN,
    SEQUENCE,
    TTL,
    Ends,
    a_request,
    same_but_for_sequence,
)


@pytest.fixture
def ends() -> Ends:
    made = Ends()
    made.unsealed(made.request(a_request(), b"1f"), b"1f")
    return made


@pytest.mark.parametrize("token", [b"1", b"2f", b"00000001", b"123456789ab"])
@pytest.mark.parametrize("attempt", [1, 2, 255, 300])
def test_a_form_seals_what_is_sealed_field_by_field(ends: Ends, token: bytes, attempt: int) -> None:
    request = a_request(attempt=attempt, content_type="application/json", metadata={"a": "b"})
    form = ends.request_writer(request, token)
    sealed = form.seal(request, token, NOW, TTL)
    assert sealed is not None
    found = ends.unsealed(sealed, token).message
    assert same_but_for_sequence(found, ends.unsealed(ends.request(request, token), token).message)


def test_a_form_takes_each_of_its_numbers_from_its_session(ends: Ends) -> None:
    request = a_request()
    form = ends.request_writer(request, b"1f")
    sent = [
        payload for _ in range(3) for payload in (ends.request(request, b"1f"), form.seal(request, b"1f", NOW, TTL))
    ]
    assert len({payload[SEQUENCE] for payload in sent if payload is not None}) == 6


def test_a_form_ends_with_its_session(ends: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    request = a_request()
    form = ends.request_writer(request, b"1f")
    assert form.seal(request, b"1f", form.session.until, TTL) is None
    assert form.seal(request, b"1f", form.session.began - 1, TTL) is None
    with monkeypatch.context() as spent:
        spent.setattr(form.session, "next", lambda: layout.MESSAGES)
        assert form.seal(request, b"1f", NOW, TTL) is None
    assert form.seal(request, b"1f", NOW, TTL) is not None
    ends.pair.caller.sealer.forgotten(ends.pair.callee.recipient)
    assert form.seal(request, b"1f", NOW, TTL) is None


def test_only_what_says_as_much_as_most_requests_makes_a_form() -> None:
    assert RequestWriter.fits(a_request(metadata={"a": "b"}))
    for other in ({"traceparent": None}, {"traceparent": "00-short"}, {"tracestate": "a=b"}, {"schema": "s"}):
        assert not RequestWriter.fits(a_request(**other))
    assert not RequestWriter.fits(a_request(kind=Kind.PING))


def test_a_form_seals_nothing_that_differs_from_it(ends: Ends) -> None:
    form = ends.request_writer(a_request(), b"1f")
    for other in ({"traceparent": None}, {"traceparent": "00-short"}, {"tracestate": "a=b"}, {"schema": "s"}):
        assert form.seal(a_request(**other), b"1f", NOW, TTL) is None
    assert form.seal(a_request(), b"1f0", NOW, TTL) is None
    with pytest.raises(PayloadTooLarge):
        form.seal(a_request(body=bytes(messages.MAX_BODY + 1)), b"1f", NOW, TTL)


# Replies


def test_a_form_seals_the_reply_that_is_sealed_field_by_field(ends: Ends) -> None:
    caller, callee = ends.pair.caller, ends.pair.callee
    by_hand = caller.opener.unseal_reply(ends.reply(b"a", b"1f"), ends.inbox + b"1f", callee.recipient, ID)
    session = callee.sealer.session(caller.recipient)
    assert session is not None
    form = ReplyWriter(session, "application/json", None, b"")
    plainly = Response(b"a", "application/json")
    sealed = form.seal(plainly, ends.inbox + b"2f", ID, NOW)
    assert sealed is not None
    by_form = caller.opener.unseal_reply(sealed, ends.inbox + b"2f", callee.recipient, ID)
    assert by_form.message[OF_ITS_OWN] != by_hand.message[OF_ITS_OWN]
    masked = by_form.message[: OF_ITS_OWN.start] + by_hand.message[OF_ITS_OWN] + by_form.message[layout.SIZE :]
    assert same_but_for_sequence(masked, by_hand.message)


def test_a_form_seals_no_reply_that_says_more_nor_one_after_its_session(ends: Ends) -> None:
    caller, callee = ends.pair.caller, ends.pair.callee
    ends.reply(b"a", b"1f")
    session = callee.sealer.session(caller.recipient)
    assert session is not None
    form, to = ReplyWriter(session, "application/json", None, b""), ends.inbox + b"2f"
    for said in (
        {"metadata": {"a": "b"}}, {"status": 200}, {"headers": [("a", "b")]}, {"facts": FACTS},
        {"failure": CallError("no")},
        {"content_type": "text/plain"}, {"body": bytes(messages.MAX_BODY + 1)},
    ):  # fmt: skip
        assert form.seal(msgspec.structs.replace(Response(b"a", "application/json"), **said), to, ID, NOW) is None
    callee.sealer.forgotten(caller.recipient)
    assert form.seal(Response(b"a", "application/json"), to, ID, NOW) is None
