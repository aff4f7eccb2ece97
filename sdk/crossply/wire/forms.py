"""Forms of messages: what one has in common with the one before is compared whole, one struct does the rest.

Requests of one instance to one endpoint differ in ids, times, trace, attempt, inbox token and body; its replies in
ids, times and body. So a form is made of the first message, which ``message`` packed or opened field by field, and
fits those that are equal to it in everything else. What fits no form goes the long way, as the first one did.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final, Protocol

from crossply.handler import Kind, Request, Response
from crossply.wire import content_types, envelope, metadata
from crossply.wire.envelope import EnvelopeFault, Parts, tlv

if TYPE_CHECKING:
    from crossply.handler import Facts
    from crossply.wire.senders import Known

KEY: Final = 16
"""The first bytes of an envelope: version, suite, kind, flags, length of the TLVs and sender; they name its form."""
TRACEPARENT: Final = 55
_ID: Final = 16
_SHORT: Final = 64
_HIGHEST_ATTEMPT: Final = 255
_OF_REQUEST: Final = frozenset(
    (envelope.CONTENT_TYPE, envelope.TRACEPARENT, envelope.OPERATION, envelope.CREDENTIAL, envelope.ATTEMPT)
)
_OF_REPLY: Final = frozenset((envelope.CONTENT_TYPE, envelope.IN_REPLY_TO, envelope.CREDENTIAL))
_TRACE_HEAD: Final = tlv(envelope.TRACEPARENT, bytes(TRACEPARENT))[:3]
_ATTEMPT_HEAD: Final = tlv(envelope.ATTEMPT, b"\x01")[:3]
_ANSWERED_HEAD: Final = tlv(envelope.IN_REPLY_TO, bytes(_ID))[:3]


def _request(before: bytes, names: bytes) -> struct.Struct:
    """Return the layout: key, seq, iat, ttl, mid, ``before``, trace, ``names``, attempt, metadata."""
    return struct.Struct(f">{KEY}sQQI{_ID}s{len(before)}s{TRACEPARENT}s{len(names)}sBH")


def _reply(before: bytes, credential: bytes, said: bytes) -> struct.Struct:
    """Return the layout: key, seq, iat, ttl, mid, ``before``, in-reply-to, ``credential``, ``said``."""
    return struct.Struct(f">{KEY}sQQI{_ID}s{len(before)}s{_ID}s{len(credential)}s{len(said)}s")


class RequestWriter:
    """Packs requests with a traceparent in one content type to one endpoint; ``tlvs`` is the length of their TLVs."""

    __slots__ = ("_before", "_key", "_names", "_pack", "tlvs")

    def __init__(self, cid: bytes, content_type: bytes, operation: bytes, credential: bytes) -> None:
        """Take the TLVs that stay the same; ``credential`` is empty for an instance that knows it."""
        self._before = content_type + _TRACE_HEAD
        self._names = operation + credential + _ATTEMPT_HEAD
        layout = _request(self._before, self._names)
        self._pack = layout.pack
        self.tlvs = layout.size - envelope.UNSEALED_SIZE - 2
        self._key = envelope.pack_unsealed(Kind.REQUEST, self.tlvs, cid, 0, 0, 0, bytes(_ID))[:KEY]

    def head(self, request: Request, trace: bytes, seq: int, iat: int, ttl: int, said: int) -> bytes:
        """Return an attempt's wire form without its ``said`` bytes of metadata and its body."""
        attempt = request.attempt
        attempt = min(attempt, _HIGHEST_ATTEMPT)
        return self._pack(self._key, seq, iat, ttl, request.id, self._before, trace, self._names, attempt, said)


class RequestForm(Protocol):
    """Opens requests that are like one before, sealed or not."""

    def open(self, payload: bytes, subject: bytes, reply: bytes, now: float, /) -> Request | None:
        """Return the request in a message that begins with this form's key; ``None`` when it is another one.

        Raise ``message.Unreadable`` where whoever sent it is to be told.
        """
        ...


class RequestReader:
    """Opens requests of one instance to one endpoint."""

    __slots__ = (
        "_before",
        "_content_type",
        "_inbox",
        "_introduced",
        "_names",
        "_operation",
        "_peer",
        "_size",
        "_unpack",
    )

    def __init__(self, first: Parts, operation: str, known: Known) -> None:
        """Take what stays the same from a request that ``fits`` and was believed."""
        tlvs = first.tlvs
        self._before = _tlv(first, envelope.CONTENT_TYPE) + _TRACE_HEAD
        self._names = _tlv(first, envelope.OPERATION) + _tlv(first, envelope.CREDENTIAL) + _ATTEMPT_HEAD
        layout = _request(self._before, self._names)
        self._unpack, self._size = layout.unpack_from, layout.size
        self._operation, self._peer, self._inbox = operation, known.peer, known.inbox
        self._content_type = content_types.read(tlvs[envelope.CONTENT_TYPE])
        self._introduced = tlvs[envelope.CREDENTIAL] is None

    @staticmethod
    def fits(first: Parts) -> bool:
        """Whether a request that was opened field by field is one that others can be compared with."""
        tlvs = first.tlvs
        return (
            first.kind is Kind.REQUEST
            and _has_only(first, _OF_REQUEST)
            and len(tlvs[envelope.TRACEPARENT] or b"") == TRACEPARENT
            and len(tlvs[envelope.ATTEMPT] or b"") == 1
        )

    def open(self, payload: bytes, _subject: bytes, reply: bytes, now: float) -> Request | None:
        """Return the request in a message that begins with this form's key; ``None`` when it is another one."""
        at = self._size
        if len(payload) < at:
            return None
        _, _, _, ttl, mid, before, trace, names, attempt, said = self._unpack(payload)
        if names != self._names or before != self._before or not reply.startswith(self._inbox) or not trace.isascii():
            return None
        request = Request(
            self._operation,
            payload[at + said :],
            self._content_type,
            Kind.REQUEST,
            mid,
            self._peer,
            traceparent=trace.decode(),
            attempt=attempt,
            received=now,
            deadline=now + ttl / 1000 if ttl else math.inf,
            introduced=self._introduced,
        )
        if said and not told(request, payload, at, at + said):
            return None
        return request


def told(request: Request, payload: bytes, at: int, end: int) -> bool:
    """Fill in a request's metadata; return False when it cannot be read."""
    if end > len(payload):
        return False
    try:
        metadata.unpack_request(payload[at:end], request)
    except EnvelopeFault:
        return False
    return True


class ReplyWriter:
    """Packs replies in one content type that say nothing but ``facts`` beside their body."""

    __slots__ = ("_before", "_credential", "_key", "_pack", "_said", "facts")

    def __init__(self, cid: bytes, content_type: bytes, credential: bytes, said: bytes, facts: Facts | None) -> None:
        """Take the TLVs that stay the same, and the metadata."""
        self.facts = facts
        self._before = content_type + _ANSWERED_HEAD
        self._credential = credential
        self._said = len(said).to_bytes(2, "big") + said
        layout = _reply(self._before, credential, self._said)
        self._pack = layout.pack
        tlvs = layout.size - envelope.UNSEALED_SIZE - len(self._said)
        self._key = envelope.pack_unsealed(Kind.RESPONSE, tlvs, cid, 0, 0, 0, bytes(_ID))[:KEY]

    def pack(self, body: bytes, answered: bytes, mid: bytes, seq: int, iat: int) -> bytes:
        """Return the wire form of the reply to the message of id ``answered``."""
        return self._pack(self._key, seq, iat, 0, mid, self._before, answered, self._credential, self._said) + body


class ReplyReader:
    """Opens replies of one instance from one endpoint."""

    __slots__ = ("_before", "_content_type", "_credential", "_facts", "_peer", "_said", "_size", "_unpack")

    def __init__(self, first: Parts, response: Response) -> None:
        """Take what stays the same from a reply that ``fits`` and was believed, as ``response``."""
        self._before = _tlv(first, envelope.CONTENT_TYPE) + _ANSWERED_HEAD
        self._credential = _tlv(first, envelope.CREDENTIAL)
        self._said = len(first.metadata).to_bytes(2, "big") + first.metadata
        layout = _reply(self._before, self._credential, self._said)
        self._unpack, self._size = layout.unpack_from, layout.size
        self._content_type, self._facts, self._peer = response.content_type, response.facts, response.peer

    @staticmethod
    def fits(first: Parts, response: Response) -> bool:
        """Whether a reply that was opened field by field is one that others can be compared with."""
        plain = response.metadata is None and response.status is None and response.headers is None
        return first.kind is Kind.RESPONSE and plain and len(first.metadata) <= _SHORT and _has_only(first, _OF_REPLY)

    def open(self, payload: bytes, asked: bytes) -> Response | None:
        """Return the reply to ``asked`` in a message that begins with this form's key; ``None`` for another one."""
        at = self._size
        if len(payload) < at:
            return None
        _, _, _, _, _, before, answered, credential, said = self._unpack(payload)
        if answered != asked or credential != self._credential or said != self._said or before != self._before:
            return None
        return Response(payload[at:], self._content_type, None, self._facts, self._peer)


def _tlv(parts: Parts, kind: int) -> bytes:
    value = parts.tlvs[kind]
    return b"" if value is None else tlv(kind, value)


def _has_only(parts: Parts, kinds: frozenset[int]) -> bool:
    """Whether a message has of these TLVs and no others; those that a receiver skips count by their length."""
    there = {kind: value for kind, value in enumerate(parts.tlvs) if value is not None}
    return kinds.issuperset(there) and sum(len(value) + 3 for value in there.values()) == parts.length
