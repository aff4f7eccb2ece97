"""Forms of sealed messages: written as field by field, read as field by field, and what differs is not taken for it."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.vouched import keyring
from crossply.handler import Kind, Request
from crossply.seal import layout
from crossply.seal.credentials import Member
from crossply.wire import content_types, credential, envelope
from crossply.wire import message as messages
from crossply.wire.envelope import text_tlv
from crossply.wire.sealed.forms import RequestReader, RequestWriter
from crossply.wire.sealed.message import request_block, request_content
from crossply.wire.senders import Sender

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
INBOX = b"_INBOX.web.k7q2mzp4x3ab."
ID = bytes(range(16))
SENDER = Sender(credential.Credential(identity="spiffe://mesh.local/t/default/svc/web", instance="k7q2mzp4x3ab"))


def member() -> Member:
    own = keyring(Ed25519PrivateKey.generate(), "web", "k7q2mzp4x3ab")
    return own.credentials.learn(own.own.raw)


WEB = member()


def a_request(**said: object) -> Request:
    request = Request("orders.quote", b"a body", id=ID, traceparent=TRACE)
    for name, value in said.items():
        setattr(request, name, value)
    return request


def opened(request: Request, reply: bytes, *, introduction: bytes = b"", extra: bytes = b"") -> bytes:
    """Return a request as it comes out of its seal."""
    block = request_block(SENDER, request, introduction, reply) + extra
    head = layout.HEADER.pack(layout.begin(1), Kind.REQUEST, 0, len(block), bytes(48), 3, 1000, 2500, request.id)
    return head + block + request_content(request, block)


def reader(message: bytes, reply: bytes) -> RequestReader:
    parts = layout.parts(message)
    assert RequestReader.fits(parts, reply)
    return RequestReader(parts, reply, "orders.quote", WEB)


@pytest.mark.parametrize("token", [b"1", b"2f", b"00000001", b"123456789ab"])
@pytest.mark.parametrize("attempt", [1, 2, 255, 300])
def test_a_form_writes_what_is_written_field_by_field(token: bytes, attempt: int) -> None:
    form = RequestWriter(content_types.pack("application/json"), text_tlv(envelope.OPERATION, "quote"), INBOX)
    request = a_request(attempt=attempt, content_type="application/json")
    for introduction in (b"", envelope.tlv(envelope.CREDENTIAL, WEB.raw)):
        expected = request_block(SENDER, request, introduction, INBOX + token)
        assert form.block(TRACE.encode(), introduction, attempt, token) == expected


@pytest.mark.parametrize("token", [b"1f", b"00000001"])
def test_a_form_reads_what_is_read_field_by_field(token: bytes) -> None:
    first = opened(a_request(), INBOX + token)
    other = a_request(id=ID[::-1], body=b"another", metadata={"a": "b"}, attempt=2)
    reply = INBOX + token[::-1]
    message = opened(other, reply)
    read = reader(first, INBOX + token).open(message, reply, 10.0)
    expected = messages.unpack_request(layout.parts(message), "orders.quote", WEB.peer, 10.0)
    expected.member = WEB
    assert read is not None
    assert {name: getattr(read, name) for name in Request.__struct_fields__} == {
        name: getattr(expected, name) for name in Request.__struct_fields__
    }


def test_what_is_not_like_it_is_left_to_who_reads_field_by_field() -> None:
    reply = INBOX + b"00000001"
    form = reader(opened(a_request(), reply), reply)
    for message in (
        opened(a_request(operation="orders.quota"), reply),
        opened(a_request(), INBOX + b"00000002"),
        opened(a_request(content_type="application/json"), reply),
        opened(a_request(), reply)[:100],
        opened(a_request(), reply)[:-7] + b"\xff\xff",
    ):
        assert form.open(message, reply, 0.0) is None


def test_what_has_more_in_it_than_forms_compare_makes_none() -> None:
    reply = INBOX + b"1f"
    for odd in (
        opened(a_request(traceparent=None), reply),
        opened(a_request(tracestate="a=b"), reply),
        opened(a_request(), reply, extra=envelope.tlv(0x90, b"skipped")),
    ):
        assert not RequestReader.fits(layout.parts(odd), reply)
