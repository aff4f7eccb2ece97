"""Forms of sealed messages, once opened: what one has in common with the one before is compared whole.

As in ``crossply.wire.forms``, but for the header of 92 bytes, and TLV 9, which only sealed messages have. A form holds
for one sender: for the very ``Member`` that it was made for, as others may have the same 64-bit id.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Final

from crossply.handler import Kind, Request, Response
from crossply.wire import content_types, envelope
from crossply.wire.envelope import Parts, tlv
from crossply.wire.forms import told

if TYPE_CHECKING:
    from crossply.seal.credentials import Member

KEY: Final = 16
"""The first bytes of a message, up to the recipient's key: they name its form."""
_TOKEN: Final = 8
"""What is compared apart from the rest of the reply subject: its end, with as much of its token as there is."""
TRACEPARENT: Final = 55
HIGHEST: Final = 255
ATTEMPTS: Final = tuple(tlv(envelope.ATTEMPT, bytes((number,))) for number in range(HIGHEST + 1))
_ID: Final = 16
_SHORT: Final = 64
_TRACE_HEAD: Final = tlv(envelope.TRACEPARENT, bytes(TRACEPARENT))[:3]
_ATTEMPT_HEAD: Final = tlv(envelope.ATTEMPT, b"\x01")[:3]
_ANSWERED_HEAD: Final = tlv(envelope.IN_REPLY_TO, bytes(_ID))[:3]
_OF_REQUEST: Final = frozenset(
    (
        envelope.CONTENT_TYPE,
        envelope.TRACEPARENT,
        envelope.OPERATION,
        envelope.CREDENTIAL,
        envelope.ATTEMPT,
        envelope.REPLY_SUBJECT,
    )
)
_OF_REPLY: Final = frozenset((envelope.CONTENT_TYPE, envelope.IN_REPLY_TO, envelope.CREDENTIAL))


class RequestWriter:
    """Writes the TLVs of requests with a traceparent in one content type to one endpoint."""

    __slots__ = ("_before", "_inbox", "_operation", "_places")

    def __init__(self, content_type: bytes, operation: bytes, inbox: bytes) -> None:
        """Take what stays the same; ``inbox`` is the reply subject up to its token."""
        self._before = content_type + _TRACE_HEAD
        self._operation = operation
        self._inbox = inbox
        self._places: dict[int, bytes] = {}

    def block(self, trace: bytes, introduction: bytes, attempt: int, token: bytes) -> bytes:
        """Return the TLVs of an attempt; ``introduction`` is TLV 7, or nothing for who knows it."""
        number = ATTEMPTS[min(HIGHEST, attempt)]
        length = len(token)
        place = self._places.get(length)
        if place is None:
            place = self._places[length] = tlv(envelope.REPLY_SUBJECT, self._inbox + token)[:-length]
        return b"".join((self._before, trace, self._operation, introduction, number, place, token))


class RequestReader:
    """Opens requests of one instance to one endpoint."""

    __slots__ = (
        "_before",
        "_content_type",
        "_inbox",
        "_introduced",
        "_names",
        "_operation",
        "_place",
        "_size",
        "_unpack",
        "member",
    )

    def __init__(self, first: Parts, reply: bytes, operation: str, member: Member) -> None:
        """Take what stays the same from a request that ``fits`` and was believed."""
        self.member = member
        self._operation = operation
        self._inbox = reply[:-_TOKEN]
        self._before = _tlv(first, envelope.CONTENT_TYPE) + _TRACE_HEAD
        self._names = _tlv(first, envelope.OPERATION) + _tlv(first, envelope.CREDENTIAL) + _ATTEMPT_HEAD
        self._place = tlv(envelope.REPLY_SUBJECT, reply)[:-_TOKEN]
        before, names, place = len(self._before), len(self._names), len(self._place)
        layout = struct.Struct(f">72xI{_ID}s{before}s{TRACEPARENT}s{names}sB{place}s{_TOKEN}sH")
        self._unpack, self._size = layout.unpack_from, layout.size
        self._content_type = content_types.read(first.tlvs[envelope.CONTENT_TYPE])
        self._introduced = first.tlvs[envelope.CREDENTIAL] is None

    @staticmethod
    def fits(first: Parts, reply: bytes) -> bool:
        """Whether a request that was opened field by field is one that others can be compared with."""
        tlvs = first.tlvs
        return (
            first.kind is Kind.REQUEST
            and _has_only(first, _OF_REQUEST)
            and len(tlvs[envelope.TRACEPARENT] or b"") == TRACEPARENT
            and len(tlvs[envelope.ATTEMPT] or b"") == 1
            and len(reply) > _TOKEN
        )

    def open(self, message: bytes, reply: bytes, now: float) -> Request | None:
        """Return the request in an opened message that begins with this form's key; ``None`` when it is another one."""
        at = self._size
        if len(message) < at:
            return None
        ttl, mid, before, trace, names, attempt, place, token, said = self._unpack(message)
        if (
            names != self._names
            or before != self._before
            or place != self._place
            or reply != self._inbox + token
            or not trace.isascii()
        ):
            return None
        request = Request(
            self._operation,
            message[at + said :],
            self._content_type,
            Kind.REQUEST,
            mid,
            self.member.peer,
            traceparent=trace.decode(),
            attempt=attempt,
            received=now,
            deadline=now + ttl / 1000 if ttl else math.inf,
            introduced=self._introduced,
            member=self.member,
        )
        if said and not told(request, message, at, at + said):
            return None
        return request


class ReplyReader:
    """Opens replies of one instance from one endpoint."""

    __slots__ = ("_before", "_content_type", "_credential", "_facts", "_said", "_size", "_unpack", "member")

    def __init__(self, first: Parts, response: Response, member: Member) -> None:
        """Take what stays the same from a reply that ``fits`` and was believed, as ``response``."""
        self.member = member
        self._before = _tlv(first, envelope.CONTENT_TYPE) + _ANSWERED_HEAD
        self._credential = _tlv(first, envelope.CREDENTIAL)
        self._said = len(first.metadata).to_bytes(2, "big") + first.metadata
        before, carried, said = len(self._before), len(self._credential), len(self._said)
        layout = struct.Struct(f">92x{before}s{_ID}s{carried}s{said}s")
        self._unpack, self._size = layout.unpack_from, layout.size
        self._content_type, self._facts = response.content_type, response.facts

    @staticmethod
    def fits(first: Parts, response: Response) -> bool:
        """Whether a reply that was opened field by field is one that others can be compared with."""
        plain = response.metadata is None and response.status is None and response.headers is None
        return first.kind is Kind.RESPONSE and plain and len(first.metadata) <= _SHORT and _has_only(first, _OF_REPLY)

    def open(self, message: bytes, asked: bytes) -> Response | None:
        """Return the reply to ``asked`` in an opened message that begins with this form's key; ``None`` for another."""
        at = self._size
        if len(message) < at:
            return None
        before, answered, carried, said = self._unpack(message)
        if answered != asked or carried != self._credential or said != self._said or before != self._before:
            return None
        return Response(message[at:], self._content_type, None, self._facts, self.member.peer)


def _tlv(parts: Parts, kind: int) -> bytes:
    value = parts.tlvs[kind]
    return b"" if value is None else tlv(kind, value)


def _has_only(parts: Parts, kinds: frozenset[int]) -> bool:
    """Whether a message has of these TLVs and no others; those that a receiver skips count by their length."""
    there = {kind: value for kind, value in enumerate(parts.tlvs) if value is not None}
    return kinds.issuperset(there) and sum(len(value) + 3 for value in there.values()) == parts.length
