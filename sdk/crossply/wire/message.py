"""Requests and responses as envelopes, and back: the one place that maps fields to TLVs."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from crossply.errors import CallError, IntegrityFailed, Origin, PayloadTooLarge
from crossply.handler import MSGPACK, Kind, Peer, Request, Response
from crossply.wire import credential, envelope, metadata
from crossply.wire.envelope import Envelope, EnvelopeFault

if TYPE_CHECKING:
    from crossply.wire.credential import Credential

MAX_BODY = 960 * 1024
MAX_HEAD = 8 * 1024
MAX_TTL = 3_600_000


class Sender:
    """What this instance writes into every envelope: its credential, a session and a sequence."""

    def __init__(self, own: Credential) -> None:
        self._credential = credential.pack(own)
        self.cid = credential.cid(self._credential)
        self._sequence = 0

    def stamp(self, kind: Kind, mid: bytes, ttl: int) -> Envelope:
        """Return an envelope from this instance with the next sequence."""
        sequence = self._sequence
        self._sequence = sequence + 1
        tlvs = {envelope.CREDENTIAL: self._credential}
        iat = time.time_ns() // 1_000_000
        return Envelope(kind, mid, cid=self.cid, seq=sequence, iat=iat, ttl=ttl, tlvs=tlvs)


class Senders:
    """The credentials seen so far, by their id, so that each is parsed once; bounded."""

    def __init__(self, limit: int = 4096) -> None:
        self._known: dict[bytes, tuple[bytes, Peer]] = {}
        self._limit = limit

    def peer(self, message: Envelope) -> Peer:
        """Return who sent ``message``; raise ``EnvelopeFault`` when it carries no usable credential."""
        raw = message.tlvs.get(envelope.CREDENTIAL)
        if raw is None:
            raise EnvelopeFault("message carries no credential")
        known = self._known.get(message.cid)
        if known is not None and known[0] == raw:
            return known[1]
        try:
            said = credential.unpack(raw)
        except credential.CredentialFault as error:
            raise EnvelopeFault(str(error)) from error
        if credential.cid(raw) != message.cid:
            raise EnvelopeFault("message names another credential than it carries")
        peer = Peer(said.service, said.instance, said.identity)
        if len(self._known) >= self._limit:
            self._known.pop(next(iter(self._known)))
        self._known[message.cid] = (raw, peer)
        return peer


def pack_request(sender: Sender, request: Request, *, reply: str, now: float) -> bytes:
    """Return the wire form of one attempt; raise ``PayloadTooLarge`` before anything is sent."""
    remaining = request.deadline - now
    ttl = MAX_TTL if math.isinf(remaining) else min(MAX_TTL, max(1, int(remaining * 1000)))
    message = sender.stamp(request.kind, request.id, ttl)
    tlvs = message.tlvs
    tlvs[envelope.CONTENT_TYPE] = request.content_type.encode()
    tlvs[envelope.OPERATION] = request.endpoint.encode()
    tlvs[envelope.ATTEMPT] = bytes((min(request.attempt, 255),))
    tlvs[envelope.REPLY_SUBJECT] = reply.encode()
    return _finish(message, request)


def pack_event(sender: Sender, request: Request) -> bytes:
    """Return the wire form of an event; it has no deadline of its own."""
    message = sender.stamp(Kind.EVENT, request.id, 0)
    message.tlvs[envelope.CONTENT_TYPE] = request.content_type.encode()
    message.tlvs[envelope.OPERATION] = request.operation.encode()
    return _finish(message, request)


def _finish(message: Envelope, request: Request) -> bytes:
    tlvs = message.tlvs
    if request.traceparent is not None:
        tlvs[envelope.TRACEPARENT] = request.traceparent.encode()
    if request.tracestate is not None:
        tlvs[envelope.TRACESTATE] = request.tracestate.encode()
    if request.schema is not None:
        tlvs[envelope.SCHEMA] = request.schema.encode()
    message.metadata = metadata.pack_request(request)
    message.body = request.body
    return checked(message, request.operation)


def checked(message: Envelope, operation: str) -> bytes:
    """Return the wire form of ``message`` when it is within the limits; raise ``PayloadTooLarge`` otherwise."""
    if len(message.body) > MAX_BODY:
        raise PayloadTooLarge(
            f"{operation}: body of {len(message.body)} bytes is above the limit of {MAX_BODY};"
            " send a reference to the data, or split it"
        )
    tlvs = sum(3 + len(value) for value in message.tlvs.values())
    head = len(message.metadata) + tlvs
    if head > MAX_HEAD:
        raise PayloadTooLarge(
            f"{operation}: metadata of {head} bytes is above the limit of {MAX_HEAD}; send it in the body"
        )
    if tlvs > envelope.MAX_TLVS:
        raise PayloadTooLarge(
            f"{operation}: content type and trace state of {tlvs} bytes are above the limit of {envelope.MAX_TLVS}"
        )
    return envelope.pack(message)


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
    metadata.unpack_request(message.metadata, request)
    return request


def pack_response(sender: Sender, request: Envelope, response: Response, mid: bytes) -> bytes:
    """Return the wire form of a reply; a body above the limit becomes an error reply."""
    message = sender.stamp(Kind.ERROR if response.failure else Kind.RESPONSE, mid, 0)
    message.tlvs[envelope.CONTENT_TYPE] = response.content_type.encode()
    message.tlvs[envelope.IN_REPLY_TO] = request.mid
    message.metadata = metadata.pack_reply(response)
    message.body = response.body
    return checked(message, "reply")


def unpack_response(message: Envelope, request: Request, peer: Peer) -> Response:
    """Return the reply in an envelope, or raise the ``CallError`` it tells of."""
    if message.tlvs.get(envelope.IN_REPLY_TO) != request.id:
        raise IntegrityFailed(f"{request.operation}: reply answers another message", origin=Origin.WIRE)
    if peer.service != request.service:
        raise IntegrityFailed(
            f"{request.operation}: reply came from {peer.service}, not from {request.service}",
            origin=Origin.WIRE,
        )
    said = metadata.unpack_reply(message.metadata)
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
        facts=metadata.facts_of(said),
        peer=peer,
        status=said.status,
        headers=said.headers,
    )


def integrity(operation: str, fault: EnvelopeFault) -> CallError:
    """Return the error for a reply that is no envelope this side understands."""
    return IntegrityFailed(f"{operation}: {fault}", origin=Origin.WIRE)
