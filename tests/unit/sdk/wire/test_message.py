"""Requests and replies survive the wire with every field, and the limits hold before anything is sent."""

from __future__ import annotations

import math
from typing import Any

import pytest

from crossply.errors import (
    CallError,
    Code,
    DeadlineExceeded,
    EndpointFailed,
    Executed,
    IntegrityFailed,
    InvalidArgument,
    NotFound,
    Origin,
    Overloaded,
    PayloadTooLarge,
)
from crossply.handler import Facts, HttpHead, Kind, Request, Response
from crossply.wire import credential, envelope, message, metadata
from crossply.wire.credential import Credential, CredentialFault
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.message import MAX_BODY
from crossply.wire.metadata import ReplyMetadata
from crossply.wire.place import Place
from crossply.wire.senders import Sender, Senders
from tests.unit.sdk.stage import ID, request

ORDERS = Credential(identity="spiffe://mesh.local/t/default/svc/orders", instance="aaaaaaaaaaaa")


def across(made: Request) -> Request:
    """Pack a request and open it at its callee."""
    raw = message.pack_request(Sender(ORDERS), made, now=100.0)
    return message.open_request(raw, made.operation, b"_INBOX.orders.aaaaaaaaaaaa.1", Senders(), 500.0, {})


def answered(response: Response, asked: Request | None = None) -> Response:
    """Pack a reply and open it at its caller."""
    sender = Sender(ORDERS)
    raw = message.pack_response(sender, ID, response, bytes(16))
    return message.open_response(raw, asked or request(), Senders())


def test_every_field_that_travels_arrives() -> None:
    made = request(
        "stock.http-get",
        b"body",
        key="k",
        metadata={"a": "b"},
        baggage={"c": "d"},
        http=HttpHead("/items?x=1", [("accept", "*/*"), ("accept", "text/html")]),
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        tracestate="x=y",
        schema="s",
        idempotency_key="i",
        attempt=3,
        deadline=102.5,
    )
    got = across(made)
    for name in ("operation", "body", "content_type", "id", "key", "metadata", "baggage", "traceparent", "tracestate"):
        assert getattr(got, name) == getattr(made, name), name
    assert (got.schema, got.idempotency_key, got.attempt, got.kind) == ("s", "i", 3, Kind.REQUEST)
    assert got.http is not None
    assert (got.http.path, got.http.headers) == ("/items?x=1", [("accept", "*/*"), ("accept", "text/html")])
    assert got.peer is not None
    assert (got.peer.service, got.peer.instance) == ("orders", "aaaaaaaaaaaa")
    assert (got.received, got.deadline) == (500.0, 502.5)


def test_a_request_without_a_deadline_is_given_an_hour() -> None:
    assert across(request(deadline=math.inf)).deadline == 500.0 + 3600.0


def test_a_request_that_says_nothing_has_no_metadata() -> None:
    raw = message.pack_request(Sender(ORDERS), request(), now=0.0)
    assert envelope.unpack(raw).metadata == b""


@pytest.mark.parametrize(
    "fields",
    [{"body": bytes(MAX_BODY + 1)}, {"metadata": {"a": "x" * 9000}}, {"key": "x" * 70_000}, {"tracestate": "x" * 9000}],
    ids=["body", "metadata", "longer than its length field", "TLVs"],
)
def test_what_is_above_a_limit_is_refused_before_sending(fields: dict[str, Any]) -> None:
    with pytest.raises(PayloadTooLarge) as caught:
        message.pack_request(Sender(ORDERS), request(**fields), now=0.0)
    assert caught.value.executed is Executed.NO


def test_a_reply_carries_body_facts_and_http_parts() -> None:
    got = answered(
        Response(b"x", facts=Facts(idempotent=True, schema="s"), status=201, headers=[("a", "b")], metadata={"m": "n"})
    )
    assert (got.body, got.status, got.headers, got.metadata) == (b"x", 201, [("a", "b")], {"m": "n"})
    assert got.facts == Facts(idempotent=True, schema="s")


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (NotFound("nothing"), NotFound),
        (Overloaded("full", retry_after=0.25), Overloaded),
        (DeadlineExceeded("late"), DeadlineExceeded),
        (InvalidArgument("wrong", details=[("/a", "why")]), InvalidArgument),
        (EndpointFailed("no credit", code=Code.ABORTED, rule="r", trace_id="ab" * 16), EndpointFailed),
        (EndpointFailed("too big", code=Code.PAYLOAD_TOO_LARGE), EndpointFailed),
    ],
)
def test_a_failure_arrives_as_the_error_it_was(failure: CallError, kind: type[CallError]) -> None:
    with pytest.raises(kind) as caught:
        answered(Response(failure=failure))
    got = caught.value
    assert type(got) is kind
    assert (got.code, got.executed, got.origin) == (failure.code, failure.executed, Origin.REMOTE)
    assert (got.retry_after, got.rule, got.trace_id) == (failure.retry_after, failure.rule, failure.trace_id)
    assert got.details == failure.details
    assert failure.message in got.message


def test_a_reply_to_another_message_or_from_another_service_is_not_believed() -> None:
    with pytest.raises(IntegrityFailed, match="another message"):
        answered(Response(), request(id=bytes(16)))
    with pytest.raises(IntegrityFailed, match="came from orders"):
        answered(Response(), request("billing.charge"))


REPLY = b"_INBOX.orders.aaaaaaaaaaaa.1"


def without_credential(raw: bytes) -> bytes:
    made = envelope.unpack(raw)
    del made.tlvs[envelope.CREDENTIAL]
    return envelope.pack(made)


def test_a_known_sender_may_leave_its_credential_out() -> None:
    raw, senders = message.pack_request(Sender(ORDERS), request(), now=0.0), Senders()
    first = message.open_request(raw, "orders.create", REPLY, senders, 0.0, {})
    second = message.open_request(without_credential(raw), "orders.create", REPLY, senders, 0.0, {})
    assert (first.introduced, second.introduced) == (False, True)
    assert second.peer is first.peer


def test_a_request_of_nobody_known_is_refused_as_one_to_be_sent_again_with_its_credential() -> None:
    raw = without_credential(message.pack_request(Sender(ORDERS), request(), now=0.0))
    with pytest.raises(message.Unintroduced) as caught:
        message.open_request(raw, "orders.create", REPLY, Senders(), 0.0, {})
    told = message.pack_credential_needed(Sender(ORDERS), caught.value.asked.id, bytes(16))
    with pytest.raises(message.CredentialNeeded):
        message.open_response(told, request(), Senders())


def test_a_request_that_names_its_reply_subject_is_held_to_it() -> None:
    made = envelope.unpack(message.pack_request(Sender(ORDERS), request(), now=0.0))
    made.tlvs[envelope.REPLY_SUBJECT] = REPLY
    raw = envelope.pack(made)
    assert message.open_request(raw, "orders.create", REPLY, Senders(), 0.0, {}).id == ID
    with pytest.raises(EnvelopeFault, match="another reply subject"):
        message.open_request(raw, "orders.create", REPLY + b"2", Senders(), 0.0, {})


def test_the_instance_of_a_place_is_known_when_the_senders_had_to_forget_it() -> None:
    place, senders = Place(b"mesh.rpc.orders.i-aaaaaaaaaaaa.create"), Senders(limit=1)
    asked = request(instance="aaaaaaaaaaaa")
    raw = message.pack_response(Sender(ORDERS), ID, Response(b"x"), bytes(16))
    message.open_response(raw, asked, senders, place)
    senders.peer(
        Sender(Credential(identity="spiffe://mesh.local/t/default/svc/b", instance="b")).stamp(Kind.EVENT, ID, 0)
    )
    assert message.open_response(without_credential(raw), asked, senders, place).body == b"x"
    with pytest.raises(EnvelopeFault, match="no credential"):
        message.open_response(without_credential(raw), asked, senders)


@pytest.mark.parametrize("name", ["application/msgpack", "application/octet-stream", "application/json", "text/x-y"])
def test_a_content_type_arrives_whether_a_byte_a_text_or_nothing_says_it(name: str) -> None:
    assert across(request(content_type=name)).content_type == name
    assert answered(Response(b"x", name)).content_type == name


def test_a_sender_is_parsed_once_and_forgotten_when_there_are_too_many() -> None:
    senders = Senders(limit=2)
    for name in ("a", "b", "c", "a"):
        who = Credential(identity=f"spiffe://mesh.local/t/default/svc/{name}", instance="aaaaaaaaaaaa")
        assert senders.peer(Sender(who).stamp(Kind.EVENT, ID, 0)).service == name


def test_a_message_without_a_credential_has_no_sender() -> None:
    with pytest.raises(EnvelopeFault):
        Senders().peer(envelope.Envelope(Kind.EVENT, ID))


@pytest.mark.parametrize("end", [0, 10, 100, 170, 200])
def test_a_credential_that_is_cut_off_is_refused(end: int) -> None:
    with pytest.raises(CredentialFault):
        credential.unpack(credential.pack(ORDERS)[:end])


def test_metadata_that_is_no_text_is_refused_as_what_it_is() -> None:
    raw = message.pack_request(Sender(ORDERS), request(key="k"), now=0.0)
    at = raw.rindex(b"\xa1k")
    with pytest.raises(message.Unreadable, match="metadata does not decode"):
        message.open_request(
            raw[:at] + b"\xa1\xe1" + raw[at + 2 :],
            "orders.create",
            b"_INBOX.orders.aaaaaaaaaaaa.1",
            Senders(),
            0.0,
            {},
        )


@pytest.mark.parametrize("end", [0, 1, 2, 3, 20, -1])
def test_an_unsigned_credential_that_is_cut_off_is_refused(end: int) -> None:
    with pytest.raises(CredentialFault):
        credential.read(credential.pack_unsigned(ORDERS)[:end])


def test_a_credential_is_read_signed_or_unsigned() -> None:
    assert credential.read(credential.pack_unsigned(ORDERS)) == ORDERS
    assert credential.read(credential.pack(ORDERS)) == ORDERS
    with pytest.raises(CredentialFault):
        credential.unpack(credential.pack_unsigned(ORDERS))
    with pytest.raises(CredentialFault, match="not UTF-8"):
        credential.read(b"\xc7\x00\x00\x01\xff\x00\x00")
    with pytest.raises(CredentialFault, match="do not fill it"):
        credential.read(credential.pack_unsigned(ORDERS) + b"x")


def test_an_error_that_says_that_all_is_well_is_still_an_error() -> None:
    failure = metadata.failure_of(ReplyMetadata(code="ok", executed="no", message="fine"))
    assert (failure.code, failure.executed, failure.message) == (Code.INTERNAL, Executed.NO, "fine")
