"""Forms: what is packed by one is what was packed field by field, and what one opens is what would have been opened."""

from __future__ import annotations

import struct
from typing import Any

import msgspec
import pytest

from crossply.handler import BYTES, Facts, HttpHead, Request, Response
from crossply.wire import envelope, message
from crossply.wire.credential import Credential
from crossply.wire.forms import KEY, ReplyReader, ReplyWriter, RequestForm, RequestWriter
from crossply.wire.place import Place
from crossply.wire.senders import Sender, Senders
from tests.unit.sdk.stage import ID, request

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CALLER = Credential(identity="spiffe://mesh.local/t/default/svc/web", instance="aaaaaaaaaaaa")
CALLEE = Credential(identity="spiffe://mesh.local/t/default/svc/orders", instance="bbbbbbbbbbbb")
INBOX = b"_INBOX.web.aaaaaaaaaaaa."
SUBJECT = b"mesh.rpc.orders.any.create"
TOKEN = b"0000002a"
NOW = 100.0


def a_request(**said: Any) -> Request:
    usual: dict[str, Any] = {"body": b"a body", "traceparent": TRACE, "deadline": NOW + 2.5}
    return request("orders.create", **usual | said)


def packed(made: Request) -> bytes:
    return message.pack_request(Sender(CALLER), made, now=NOW)


def opened(raw: bytes, reply: bytes = INBOX + TOKEN) -> tuple[Request, dict[bytes, RequestForm]]:
    forms: dict[bytes, RequestForm] = {}
    return message.open_request(raw, "orders.create", reply, Senders(), 7.0, forms), forms


def reader_of(made: Request) -> RequestForm:
    raw = packed(made)
    return opened(raw)[1][raw[:KEY]]


def plain(value: Request | Response) -> object:
    return msgspec.structs.asdict(value)


def with_times_of(raw: bytes, other: bytes) -> bytes:
    """Put sequence and time of another message into one, which differ from sending to sending."""
    return raw[:16] + other[16:32] + raw[32:]


def a_writer(made: Request) -> RequestWriter:
    sender = Sender(CALLER)
    content_type, operation = sender.names(made)
    return RequestWriter(sender.cid, content_type, operation, sender.credential)


def test_a_request_packed_by_a_form_is_the_one_packed_field_by_field() -> None:
    made = a_request(attempt=3)
    head = a_writer(made).head(made, TRACE.encode(), 9, 1234, 2500, 0)

    long = packed(made)
    assert with_times_of(head + made.body, long) == long
    assert struct.unpack_from(">QQ", head, 16) == (9, 1234)


def test_an_attempt_above_what_a_byte_holds_is_said_as_the_highest() -> None:
    made = a_request(attempt=300)
    head = a_writer(made).head(made, TRACE.encode(), 0, 0, 2500, 0)

    by_hand = packed(made)
    assert with_times_of(head + made.body, by_hand) == by_hand


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"attempt": 2},
        {"key": "customer-1", "metadata": {"a": "b"}, "baggage": {"c": "d"}},
        {"http": HttpHead("/a?b", [("x", "y")])},
        {"content_type": BYTES},
    ],
)
def test_a_request_opened_by_a_form_is_the_one_opened_field_by_field(said: dict[str, Any]) -> None:
    made = a_request(**said)
    reader = reader_of(made)

    again = packed(made)
    by_form = reader.open(again, SUBJECT, INBOX + TOKEN, 7.0)
    assert by_form is not None
    assert plain(by_form) == plain(opened(again)[0])


@pytest.mark.parametrize(
    "said", [{"tracestate": "a=b"}, {"schema": "s"}, {"traceparent": None}, {"traceparent": "00-short"}]
)
def test_a_request_with_other_fields_than_the_usual_ones_makes_no_form(said: dict[str, Any]) -> None:
    assert opened(packed(a_request(**said)))[1] == {}


def test_a_request_with_a_field_that_a_receiver_skips_makes_no_form() -> None:
    raw = packed(a_request())
    length = int.from_bytes(raw[6:8], "big")
    at = envelope.UNSEALED_SIZE + length
    longer = raw[:6] + (length + 4).to_bytes(2, "big") + raw[8:at] + b"\x90\x00\x01x" + raw[at:]

    made, forms = opened(longer)
    assert made.body == b"a body"
    assert forms == {}


def test_a_form_takes_nothing_that_would_have_been_refused_or_opened_otherwise() -> None:
    made = a_request(metadata={"a": "b"})
    reader = reader_of(made)
    raw = packed(made)
    taken = 0
    for at in range(KEY, len(raw)):
        for flip in (0x01, 0x20, 0x80):
            changed = raw[:at] + bytes((raw[at] ^ flip,)) + raw[at + 1 :]
            by_form = reader.open(changed, SUBJECT, INBOX + TOKEN, 7.0)
            if by_form is not None:
                taken += 1
                assert plain(by_form) == plain(opened(changed)[0])
    assert taken  # ids, times, trace and body may differ


@pytest.mark.parametrize("cut", [0, KEY, 51, 53, 150, -7])
def test_a_form_takes_no_message_that_ends_too_early(cut: int) -> None:
    made = a_request(metadata={"a": "b"})
    assert reader_of(made).open(packed(made)[:cut], SUBJECT, INBOX + TOKEN, 7.0) is None


@pytest.mark.parametrize("reply", [b"", INBOX[:-1], b"_INBOX.eve.aaaaaaaaaaaa.0000002a"])
def test_a_form_takes_no_message_that_wants_its_reply_elsewhere_than_in_its_senders_inbox(reply: bytes) -> None:
    made = a_request()
    assert reader_of(made).open(packed(made), SUBJECT, reply, 7.0) is None


def test_a_request_that_leaves_the_credential_out_has_a_form_of_its_own() -> None:
    made = a_request()
    sender, senders = Sender(CALLER), Senders()
    forms: dict[bytes, RequestForm] = {}
    message.open_request(packed(made), "orders.create", INBOX + TOKEN, senders, 7.0, forms)
    writer = RequestWriter(sender.cid, *sender.names(made), b"")
    raw = writer.head(made, TRACE.encode(), 9, 1234, 2500, 0) + made.body
    first = message.open_request(raw, "orders.create", INBOX + TOKEN, senders, 7.0, forms)

    by_form = forms[raw[:KEY]].open(raw, SUBJECT, INBOX + TOKEN, 7.0)
    assert len(forms) == 2
    assert by_form is not None
    assert by_form.introduced
    assert plain(by_form) == plain(first)


# Replies

FACTS = Facts(idempotent=True)


def a_reply_writer(facts: Facts | None = FACTS) -> ReplyWriter:
    sender = Sender(CALLEE)
    said = sender.reply_metadata(Response(facts=facts))
    return ReplyWriter(sender.cid, sender.content_type(BYTES), sender.credential, said, facts)


def packed_reply(response: Response) -> bytes:
    return message.pack_response(Sender(CALLEE), ID, response, bytes(16))


def opened_reply(raw: bytes) -> tuple[Response, dict[bytes, ReplyReader]]:
    place = Place(b"mesh.rpc.orders.any.create")
    return message.open_response(raw, a_request(), Senders(), place), place.replies


@pytest.mark.parametrize("facts", [FACTS, Facts(), None])
def test_a_reply_packed_by_a_form_is_the_one_packed_field_by_field(facts: Facts | None) -> None:
    long = packed_reply(Response(b"an answer", BYTES, facts=facts))
    assert with_times_of(a_reply_writer(facts).pack(b"an answer", ID, bytes(16), 1, 2), long) == long


@pytest.mark.parametrize("facts", [FACTS, Facts(), None])
def test_a_reply_opened_by_a_form_is_the_one_opened_field_by_field(facts: Facts | None) -> None:
    raw = packed_reply(Response(b"an answer", BYTES, facts=facts))
    first, forms = opened_reply(raw)

    by_form = forms[raw[:KEY]].open(raw, ID)
    assert by_form is not None
    assert plain(by_form) == plain(first)


@pytest.mark.parametrize(
    "response",
    [Response(metadata={"a": "b"}), Response(status=200), Response(headers=[("a", "b")])],
)
def test_a_reply_that_says_more_makes_no_form(response: Response) -> None:
    assert opened_reply(packed_reply(response))[1] == {}


def test_a_form_takes_no_reply_that_would_have_been_refused_or_opened_otherwise() -> None:
    raw = packed_reply(Response(b"an answer", BYTES, facts=FACTS))
    reader = opened_reply(raw)[1][raw[:KEY]]
    for at in range(KEY, len(raw)):
        changed = raw[:at] + bytes((raw[at] ^ 0x01,)) + raw[at + 1 :]
        by_form = reader.open(changed, ID)
        if by_form is not None:
            assert plain(by_form) == plain(opened_reply(changed)[0])
    assert reader.open(raw[:50], ID) is None
    assert reader.open(raw, bytes(16)) is None
