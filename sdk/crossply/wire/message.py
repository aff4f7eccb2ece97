"""Requests and responses as envelopes, and back: the one place that maps fields to TLVs.

What a call has in common with the one before it, its names and the sender's credential, is encoded once; a message
is then a header and a join.
"""

from __future__ import annotations

import math
import struct
import time
from typing import TYPE_CHECKING, Final, NamedTuple

from crossply.errors import CallError, IntegrityFailed, Origin, PayloadTooLarge
from crossply.handler import MSGPACK, Facts, Kind, Peer, Request, Response
from crossply.wire import credential, envelope, metadata, subjects
from crossply.wire.envelope import Envelope, EnvelopeFault, tlv

if TYPE_CHECKING:
    from crossply.wire.credential import Credential
    from crossply.wire.metadata import ReplyMetadata

MAX_BODY = 960 * 1024
MAX_HEAD = 8 * 1024
MAX_TTL = 3_600_000
_KNOWN: Final = 4096
_SHORT: Final = 64
_LENGTH: Final = struct.Struct(">H")
_TRACEPARENT_HEAD: Final = struct.pack(">BH", envelope.TRACEPARENT, 55)
_ATTEMPT_HEAD: Final = struct.pack(">BH", envelope.ATTEMPT, 1)
_IN_REPLY_TO_HEAD: Final = struct.pack(">BH", envelope.IN_REPLY_TO, 16)
_FIRST_ATTEMPT: Final = _ATTEMPT_HEAD + b"\x01"
_TRACEPARENT: Final = 55


class Sender:
    """What this instance writes into every envelope: its credential, a session and a sequence."""

    def __init__(self, own: Credential) -> None:
        self._credential = credential.pack(own)
        self.cid = credential.cid(self._credential)
        self.credential = tlv(envelope.CREDENTIAL, self._credential)
        self._sequence = 0
        self._names: dict[tuple[str, str, Kind], tuple[bytes, bytes]] = {}
        self._types: dict[str, bytes] = {}
        self._facts: dict[Facts | None, bytes] = {}

    def next(self) -> int:
        """Return the next number in this instance's sequence."""
        sequence = self._sequence
        self._sequence = sequence + 1
        return sequence

    def stamp(self, kind: Kind, mid: bytes, ttl: int) -> Envelope:
        """Return an envelope from this instance with the next sequence."""
        tlvs = {envelope.CREDENTIAL: self._credential}
        iat = time.time_ns() // 1_000_000
        return Envelope(kind, mid, cid=self.cid, seq=self.next(), iat=iat, ttl=ttl, tlvs=tlvs)

    def names(self, request: Request) -> tuple[bytes, bytes]:
        """Return the TLVs of a request's content type and of its endpoint, or of an event's channel."""
        key = (request.content_type, request.operation, request.kind)
        known = self._names.get(key)
        if known is None:
            if len(self._names) >= _KNOWN:
                self._names.clear()
            name = request.operation if request.kind is Kind.EVENT else request.endpoint
            made = _text(envelope.CONTENT_TYPE, request.content_type), _text(envelope.OPERATION, name)
            known = self._names[key] = made
        return known

    def content_type(self, name: str) -> bytes:
        """Return the TLV of a reply's content type."""
        known = self._types.get(name)
        if known is None:
            if len(self._types) >= _KNOWN:
                self._types.clear()
            known = self._types[name] = _text(envelope.CONTENT_TYPE, name)
        return known

    def reply_metadata(self, response: Response) -> bytes:
        """Return a reply's metadata; that of most says the endpoint's facts and nothing else."""
        if response.metadata or response.failure or response.status is not None or response.headers:
            return metadata.pack_reply(response)
        known = self._facts.get(response.facts)
        if known is None:
            known = self._facts[response.facts] = metadata.pack_reply(response)
        return known


class Known(NamedTuple):
    """A sender: its credential's bytes, who it names, where its replies go, how its operations begin."""

    raw: bytes
    peer: Peer
    inbox: bytes
    operations: str


class Senders:
    """The credentials seen so far, by their id, so that each is parsed once; and what replies said; bounded."""

    def __init__(self, limit: int = _KNOWN) -> None:
        self._known: dict[bytes, Known] = {}
        self._limit = limit
        self._said: dict[bytes, tuple[ReplyMetadata, Facts | None]] = {}

    def peer(self, message: Envelope) -> Peer:
        """Return who sent ``message``; raise ``EnvelopeFault`` when it carries no usable credential."""
        return self.known(message).peer

    def known(self, message: Envelope) -> Known:
        """Return what is known of who sent ``message``; raise ``EnvelopeFault`` as ``peer`` does."""
        raw = message.tlvs.get(envelope.CREDENTIAL)
        if raw is None:
            raise EnvelopeFault("message carries no credential")
        known = self._known.get(message.cid)
        if known is not None and known.raw == raw:
            return known
        try:
            said = credential.unpack(raw)
        except credential.CredentialFault as error:
            raise EnvelopeFault(str(error)) from error
        if credential.cid(raw) != message.cid:
            raise EnvelopeFault("message names another credential than it carries")
        peer = Peer(said.service, said.instance, said.identity)
        if len(self._known) >= self._limit:
            self._known.pop(next(iter(self._known)))
        inbox = subjects.inbox(peer.service, peer.instance).encode()
        known = self._known[message.cid] = Known(raw, peer, inbox, f"{peer.service}.")
        return known

    def said(self, raw: bytes) -> tuple[ReplyMetadata, Facts | None]:
        """Return what a reply says beside its body, and the facts in it; the short ones are decoded once."""
        known = self._said.get(raw)
        if known is None:
            said = metadata.unpack_reply(raw)
            known = said, metadata.facts_of(said)
            if len(raw) <= _SHORT:
                if len(self._said) >= self._limit:
                    self._said.clear()
                self._said[raw] = known
        return known


def pack_request(sender: Sender, request: Request, *, reply: bytes, now: float) -> bytes:
    """Return the wire form of one attempt; raise ``PayloadTooLarge`` before anything is sent."""
    remaining = request.deadline - now
    ttl = MAX_TTL if remaining >= MAX_TTL / 1000 else max(1, int(remaining * 1000))
    content_type, operation = sender.names(request)
    number = request.attempt
    attempt = _FIRST_ATTEMPT if number == 1 else _ATTEMPT_HEAD + bytes((min(number, 255),))
    block = b"".join(
        (
            content_type,
            _trace(request),
            operation,
            b"" if request.schema is None else _text(envelope.SCHEMA, request.schema),
            sender.credential,
            attempt,
            tlv(envelope.REPLY_SUBJECT, reply),
        )
    )
    return _finish(sender, request.kind, request.id, ttl, block, metadata.pack_request(request), request.body, request)


def pack_event(sender: Sender, request: Request) -> bytes:
    """Return the wire form of an event; it has no deadline of its own."""
    content_type, operation = sender.names(request)
    schema = b"" if request.schema is None else _text(envelope.SCHEMA, request.schema)
    block = b"".join((content_type, _trace(request), operation, schema, sender.credential))
    return _finish(sender, Kind.EVENT, request.id, 0, block, metadata.pack_request(request), request.body, request)


def pack_response(sender: Sender, answered: bytes, response: Response, mid: bytes) -> bytes:
    """Return the wire form of the reply to the message of id ``answered``; raise ``PayloadTooLarge``."""
    content_type = sender.content_type(response.content_type)
    block = b"".join((content_type, _IN_REPLY_TO_HEAD, answered, sender.credential))
    kind = Kind.RESPONSE if response.failure is None else Kind.ERROR
    return _finish(sender, kind, mid, 0, block, sender.reply_metadata(response), response.body, None)


def _trace(request: Request) -> bytes:
    parent, state = request.traceparent, request.tracestate
    if parent is None:
        return b"" if state is None else _text(envelope.TRACESTATE, state)
    made = (
        _TRACEPARENT_HEAD + parent.encode()
        if len(parent) == _TRACEPARENT and parent.isascii()
        else _text(envelope.TRACEPARENT, parent)
    )
    return made if state is None else made + _text(envelope.TRACESTATE, state)


def _text(kind: int, text: str) -> bytes:
    value = text.encode()
    if len(value) > envelope.MAX_TLVS:
        raise PayloadTooLarge(
            f"a field of {len(value)} bytes is above the limit of {envelope.MAX_TLVS}: {text[:40]!r}...;"
            " send it in the body"
        )
    return tlv(kind, value)


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
        raise _too_large(request.operation if request is not None else "reply", len(body), head, tlvs)
    header = envelope.header(kind, tlvs, sender.cid, sender.next(), time.time_ns() // 1_000_000, ttl, mid)
    return b"".join((header, block, _LENGTH.pack(len(said)), said, body))


def _too_large(operation: str, body: int, head: int, tlvs: int) -> PayloadTooLarge:
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


def unpack_request(message: Envelope, operation: str, peer: Peer, now: float) -> Request:
    """Return the inbound request of an envelope; its deadline counts from its arrival at ``now``."""
    attempt = message.tlvs.get(envelope.ATTEMPT)
    request = Request(
        operation=operation,
        body=message.body,
        content_type=message.text(envelope.CONTENT_TYPE) or MSGPACK,
        kind=message.kind,
        id=message.mid,
        peer=peer,
        traceparent=message.text(envelope.TRACEPARENT),
        tracestate=message.text(envelope.TRACESTATE),
        schema=message.text(envelope.SCHEMA),
        attempt=attempt[0] if attempt else 1,
        received=now,
        deadline=now + message.ttl / 1000 if message.ttl else math.inf,
    )
    if message.metadata:
        metadata.unpack_request(message.metadata, request)
    return request


def unpack_response(message: Envelope, request: Request, senders: Senders) -> Response:
    """Return the reply in an envelope, or raise the ``CallError`` it tells of."""
    if message.tlvs.get(envelope.IN_REPLY_TO) != request.id:
        raise IntegrityFailed(f"{request.operation}: reply answers another message", origin=Origin.WIRE)
    known = senders.known(message)
    peer = known.peer
    if not request.operation.startswith(known.operations):
        raise IntegrityFailed(
            f"{request.operation}: reply came from {peer.service}, not from {request.service}",
            origin=Origin.WIRE,
        )
    said, facts = senders.said(message.metadata)
    if message.kind is Kind.ERROR:
        failure = metadata.failure_of(said)
        if not failure.message.startswith(request.operation):
            failure.message = f"{request.operation}: {failure.message or failure.code}"
            failure.args = (failure.message,)
        raise failure
    return Response(
        body=message.body,
        content_type=message.text(envelope.CONTENT_TYPE) or MSGPACK,
        metadata=said.metadata,
        facts=facts,
        peer=peer,
        status=said.status,
        headers=said.headers,
    )


def integrity(operation: str, fault: EnvelopeFault) -> CallError:
    """Return the error for a reply that is no envelope this side understands."""
    return IntegrityFailed(f"{operation}: {fault}", origin=Origin.WIRE)
