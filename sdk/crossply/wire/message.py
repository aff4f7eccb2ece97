"""Requests and responses as envelopes, and back: the one place that maps fields to TLVs.

What a call has in common with the one before it, its names and the sender's credential, is encoded once; a message
is then a header and a join.
"""

from __future__ import annotations

import math
import struct
import time
from typing import TYPE_CHECKING, Final, TypeVar

from crossply.errors import CallError, IntegrityFailed, Origin, PayloadTooLarge
from crossply.handler import Kind, Peer, Request, Response
from crossply.wire import content_types, envelope, metadata
from crossply.wire.envelope import EnvelopeFault, Parts, text, text_tlv
from crossply.wire.forms import KEY, ReplyReader, RequestReader
from crossply.wire.metadata import ReplyMetadata
from crossply.wire.senders import NotIntroduced

if TYPE_CHECKING:
    from crossply.wire.forms import RequestForm
    from crossply.wire.place import Place
    from crossply.wire.senders import Known, Sender, Senders

MAX_BODY = 960 * 1024
MAX_HEAD = 8 * 1024
MAX_TTL = 3_600_000
_LONGEST: Final = MAX_TTL / 1000
ID = 16
_CREDENTIAL_NEEDED: Final = "need_credential"
_FORMS: Final = 1024
_LENGTH: Final = struct.Struct(">H")
_TRACEPARENT_HEAD: Final = struct.pack(">BH", envelope.TRACEPARENT, 55)
_ATTEMPT_HEAD: Final = struct.pack(">BH", envelope.ATTEMPT, 1)
_IN_REPLY_TO_HEAD: Final = struct.pack(">BH", envelope.IN_REPLY_TO, 16)
_FIRST_ATTEMPT: Final = _ATTEMPT_HEAD + b"\x01"
_TRACEPARENT: Final = 55


def pack_request(sender: Sender, request: Request, *, now: float) -> bytes:
    """Return the wire form of one attempt; raise ``PayloadTooLarge`` before anything is sent."""
    ttl = time_to_live(request.deadline - now)
    content_type, operation = sender.names(request)
    number = request.attempt
    attempt = _FIRST_ATTEMPT if number == 1 else _ATTEMPT_HEAD + bytes((min(number, 255),))
    block = b"".join(
        (
            content_type,
            trace(request),
            operation,
            b"" if request.schema is None else text_tlv(envelope.SCHEMA, request.schema),
            sender.credential,
            attempt,
        )
    )
    return _finish(sender, request.kind, request.id, ttl, block, metadata.pack_request(request), request.body, request)


def time_to_live(remaining: float) -> int:
    """Return the milliseconds that a request says it has, of the seconds that remain: at least one."""
    return (int(remaining * 1000) or 1) if remaining < _LONGEST else MAX_TTL


def pack_event(sender: Sender, request: Request) -> bytes:
    """Return the wire form of an event; it has no deadline of its own."""
    content_type, operation = sender.names(request)
    schema = b"" if request.schema is None else text_tlv(envelope.SCHEMA, request.schema)
    block = b"".join((content_type, trace(request), operation, schema, sender.credential))
    return _finish(sender, Kind.EVENT, request.id, 0, block, metadata.pack_request(request), request.body, request)


def pack_response(sender: Sender, answered: bytes, response: Response, mid: bytes) -> bytes:
    """Return the wire form of the reply to the message of id ``answered``; raise ``PayloadTooLarge``."""
    content_type = sender.content_type(response.content_type)
    block = b"".join((content_type, _IN_REPLY_TO_HEAD, answered, sender.credential))
    kind = Kind.RESPONSE if response.failure is None else Kind.ERROR
    return _finish(sender, kind, mid, 0, block, sender.reply_metadata(response), response.body, None)


def pack_credential_needed(sender: Sender, answered: bytes, mid: bytes) -> bytes:
    """Return the reply to the message of id ``answered``, whose sender is not known: it did not run."""
    block = b"".join((_IN_REPLY_TO_HEAD, answered, sender.credential))
    said = metadata.pack(ReplyMetadata(code=_CREDENTIAL_NEEDED, executed="no"))
    return _finish(sender, Kind.ERROR, mid, 0, block, said, b"", None)


def trace(request: Request) -> bytes:
    """Return the TLVs of a request's trace context, or nothing."""
    parent, state = request.traceparent, request.tracestate
    if parent is None:
        return b"" if state is None else text_tlv(envelope.TRACESTATE, state)
    made = (
        _TRACEPARENT_HEAD + parent.encode()
        if len(parent) == _TRACEPARENT and parent.isascii()
        else text_tlv(envelope.TRACEPARENT, parent)
    )
    return made if state is None else made + text_tlv(envelope.TRACESTATE, state)


def _finish(
    sender: Sender,
    kind: Kind,
    mid: bytes,
    ttl: int,
    block: bytes,
    said: bytes,
    body: bytes,
    request: Request | None,
) -> bytes:
    tlvs, head = len(block), len(block) + len(said)
    if len(body) > MAX_BODY or head > MAX_HEAD or tlvs > envelope.MAX_TLVS:
        raise too_large(request.operation if request is not None else "reply", len(body), head, tlvs)
    header = envelope.pack_unsealed(kind, tlvs, sender.cid, sender.next(), time.time_ns() // 1_000_000, ttl, mid)
    return b"".join((header, block, _LENGTH.pack(len(said)), said, body))


def too_large(operation: str, body: int, head: int, tlvs: int) -> PayloadTooLarge:
    """Return the error of a message that is larger than its limits, which names the one it is above."""
    if body > MAX_BODY:
        return PayloadTooLarge(
            f"{operation}: body of {body} bytes is above the limit of {MAX_BODY};"
            " send a reference to the data, or split it"
        )
    if head > MAX_HEAD:
        return PayloadTooLarge(
            f"{operation}: metadata of {head} bytes is above the limit of {MAX_HEAD}; send it in the body"
        )
    return PayloadTooLarge(
        f"{operation}: content type and trace state of {tlvs} bytes are above the limit of {envelope.MAX_TLVS}"
    )


def unpack_request(parts: Parts, operation: str, peer: Peer, now: float) -> Request:
    """Return the inbound request of an envelope; its deadline counts from its arrival at ``now``."""
    kind, _, _, _, ttl, mid, tlvs, said, body, _ = parts
    attempt = tlvs[envelope.ATTEMPT]
    request = Request(
        operation,
        body,
        content_types.read(tlvs[envelope.CONTENT_TYPE]),
        kind,
        mid,
        peer,
        traceparent=text(tlvs[envelope.TRACEPARENT]),
        attempt=attempt[0] if attempt else 1,
        received=now,
        deadline=now + ttl / 1000 if ttl else math.inf,
        introduced=tlvs[envelope.CREDENTIAL] is None,
    )
    if tlvs[envelope.TRACESTATE] is not None:
        request.tracestate = text(tlvs[envelope.TRACESTATE])
    if tlvs[envelope.SCHEMA] is not None:
        request.schema = text(tlvs[envelope.SCHEMA])
    if said:
        metadata.unpack_request(said, request)
    return request


class Unreadable(EnvelopeFault):
    """A request whose sender is known and to be told; ``asked`` is as much of it as a reply needs."""

    def __init__(self, asked: Request, fault: EnvelopeFault) -> None:
        super().__init__(str(fault))
        self.asked = asked


class CredentialNeeded(EnvelopeFault):
    """A reply that says: I do not know who sent that, so it did not run; send your credential along."""


class Unintroduced(Unreadable):
    """A request whose sender is not known and left its credential out: it did not run, and is to be sent with it."""


def open_event(payload: bytes, channel: str, senders: Senders, now: float) -> Request:
    """Return the event in a message that lies in ``channel``; raise ``EnvelopeFault`` when it is none."""
    parts = envelope.parts(payload)
    if parts.kind is not Kind.EVENT or text(parts.tlvs[envelope.OPERATION]) != channel:
        raise EnvelopeFault("message is not an event of the channel it lies in")
    return unpack_request(parts, channel, senders.of(parts.cid, parts.tlvs[envelope.CREDENTIAL]).peer, now)


def open_request(
    payload: bytes, operation: str, reply: bytes, senders: Senders, now: float, forms: dict[bytes, RequestForm]
) -> Request:
    """Return the request or ping in a message that came to ``operation`` with the reply subject ``reply``.

    The form of those like it is put into ``forms``. Raise ``EnvelopeFault`` when it is none, or not what it says it
    is; ``Unreadable`` when only its fields are wrong.
    """
    parts = envelope.parts(payload)
    tlvs = parts.tlvs
    if tlvs[envelope.OPERATION] != operation.partition(".")[2].encode():
        raise EnvelopeFault("message names another endpoint than its subject")
    if tlvs[envelope.REPLY_SUBJECT] not in (None, reply):
        raise EnvelopeFault("message names another reply subject than it came with")
    try:
        known = senders.of(parts.cid, tlvs[envelope.CREDENTIAL])
    except NotIntroduced as fault:
        raise Unintroduced(Request(operation, id=parts.mid), fault) from fault
    if not reply.startswith(known.inbox):
        raise EnvelopeFault(f"reply subject is not the inbox of {known.peer.service}/{known.peer.instance}")
    try:
        request = unpack_request(parts, operation, known.peer, now)
    except EnvelopeFault as fault:
        raise Unreadable(Request(operation, id=parts.mid), fault) from fault
    if RequestReader.fits(parts):
        keep(forms, payload, RequestReader(parts, operation, known))
    return request


F = TypeVar("F")


def keep(forms: dict[bytes, F], payload: bytes, form: F) -> None:
    """Remember a form; where too many are known, the next ones are learned anew."""
    if len(forms) >= _FORMS:
        forms.clear()
    forms[payload[:KEY]] = form


def open_response(payload: bytes, request: Request, senders: Senders, place: Place | None = None) -> Response:
    """Return the reply in a message, or raise the ``CallError`` it tells of; ``EnvelopeFault`` for what is none.

    The form of those like it is put into ``place``, and whom it came from, which then knows who called. Raise
    ``CredentialNeeded`` when that is what it asks for.
    """
    parts = envelope.parts(payload)
    tlvs = parts.tlvs
    if tlvs[envelope.IN_REPLY_TO] != request.id:
        raise IntegrityFailed(f"{request.operation}: reply answers another message", origin=Origin.WIRE)
    known = _answering(parts, senders, place)
    peer = known.peer
    if not request.operation.startswith(known.operations):
        raise IntegrityFailed(
            f"{request.operation}: reply came from {peer.service}, not from {request.service}",
            origin=Origin.WIRE,
        )
    if senders.said(parts.metadata)[0].code == _CREDENTIAL_NEEDED:
        raise CredentialNeeded(f"{request.operation}: its instance does not know who calls")
    if place is not None and peer.instance == request.instance:
        place.met(parts.cid, known)
    response = response_of(parts, request, peer, senders)
    if place is not None and ReplyReader.fits(parts, response):
        keep(place.replies, payload, ReplyReader(parts, response))
    return response


def response_of(parts: Parts, request: Request, peer: Peer, senders: Senders) -> Response:
    """Return the response that a reply of ``peer`` says, or raise the ``CallError`` it tells of."""
    said, facts = senders.said(parts.metadata)
    if parts.kind is Kind.ERROR:
        failure = metadata.failure_of(said)
        if not failure.message.startswith(request.operation):
            failure.message = f"{request.operation}: {failure.message or failure.code}"
            failure.args = (failure.message,)
        raise failure
    content_type = content_types.read(parts.tlvs[envelope.CONTENT_TYPE])
    return Response(parts.body, content_type, said.metadata, facts, peer, said.status, said.headers)


def _answering(parts: Parts, senders: Senders, place: Place | None) -> Known:
    """Return who sent a reply; of the instance of its place it is known even when ``senders`` had to forget it."""
    if place is not None and place.callee is not None and place.cid == parts.cid:
        raw = parts.tlvs[envelope.CREDENTIAL]
        if raw is None or raw == place.callee.raw:
            return place.callee
    return senders.of(parts.cid, parts.tlvs[envelope.CREDENTIAL])


def open_pong(payload: bytes, ping: Request, senders: Senders) -> set[bytes]:
    """Return the ids that an instance does not work on, of those that ``ping`` asked about; raise ``EnvelopeFault``."""
    parts = envelope.parts(payload)
    known = senders.of(parts.cid, parts.tlvs[envelope.CREDENTIAL])
    if (
        parts.kind is not Kind.PONG
        or parts.tlvs[envelope.IN_REPLY_TO] != ping.id
        or (known.peer.service, known.peer.instance) != (ping.service, ping.instance)
    ):
        raise EnvelopeFault("message is not the pong of the instance that was asked")
    return ids_in(parts.body)


def ids_in(body: bytes) -> set[bytes]:
    """Return the ids that a ping asks about, or that a pong does not know."""
    return {body[at : at + ID] for at in range(0, len(body) - ID + 1, ID)}


def integrity(operation: str, fault: EnvelopeFault) -> CallError:
    """Return the error for a reply that is no envelope this side understands."""
    return IntegrityFailed(f"{operation}: {fault}", origin=Origin.WIRE)
