"""Forms of sealed messages that come: what one has in common with the one before is compared whole.

As in ``crossply.wire.forms``. A form holds for one session, and so for one sender and one recipient: what stands in the
clear is compared first, then ``crossply.seal`` opens what is sealed, with every check that it makes of any message.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from crossply.handler import Kind, Request, Response
from crossply.seal.faults import SealFault
from crossply.seal.layout import MAX_SIZE, MAX_TTL, MESSAGES, START, TAG
from crossply.seal.opener import Unsealed
from crossply.wire import content_types, envelope
from crossply.wire.envelope import EnvelopeFault, Parts, tlv
from crossply.wire.forms import told
from crossply.wire.message import Unreadable

if TYPE_CHECKING:
    from crossply.seal.opener import Opener

KEY: Final = 16
"""The first bytes of a message, up to the recipient's key: they name its form, as they do that of an unsealed one."""
TRACEPARENT: Final = 55
ID: Final = 16
_SHORT: Final = 64
TRACE_HEAD: Final = tlv(envelope.TRACEPARENT, bytes(TRACEPARENT))[:3]
ATTEMPT_HEAD: Final = tlv(envelope.ATTEMPT, b"\x01")[:3]
ANSWERED_HEAD: Final = tlv(envelope.IN_REPLY_TO, bytes(ID))[:3]
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


class RequestReader:
    """Opens requests of one instance to one endpoint, in one session."""

    __slots__ = (
        "_before",
        "_content_type",
        "_end",
        "_end_of_aad",
        "_introduced",
        "_least",
        "_names",
        "_open_in",
        "_operation",
        "_place",
        "_session",
        "_start",
        "_subject",
        "_unpack",
    )

    def __init__(
        self, opener: Opener, first: Parts, unsealed: Unsealed, subject: bytes, operation: str, *, introduced: bool
    ) -> None:
        """Take what stays the same from a request that ``fits`` and was believed."""
        session = self._session = unsealed.session
        self._open_in = opener.open_in
        self._operation, self._subject, self._introduced = operation, subject, introduced
        self._end_of_aad = session.end_of_aad(subject)
        self._start = unsealed.message[:START]
        reply = first.tlvs[envelope.REPLY_SUBJECT] or b""
        self._before = _tlv(first, envelope.CONTENT_TYPE) + TRACE_HEAD
        self._names = _tlv(first, envelope.OPERATION) + _tlv(first, envelope.CREDENTIAL) + ATTEMPT_HEAD
        self._place = tlv(envelope.REPLY_SUBJECT, reply)[: -len(reply)]
        before, names, place = len(self._before), len(self._names), len(self._place)
        layout = struct.Struct(f">{START}sQQI{ID}s{before}s{TRACEPARENT}s{names}sB{place}s{len(reply)}s")
        self._unpack, self._end = layout.unpack_from, layout.size
        self._least = layout.size + 2 + TAG
        self._content_type = content_types.read(first.tlvs[envelope.CONTENT_TYPE])

    @staticmethod
    def fits(first: Parts) -> bool:
        """Whether a request that was opened field by field is one that others can be compared with."""
        tlvs = first.tlvs
        return (
            first.kind is Kind.REQUEST
            and _has_only(first, _OF_REQUEST)
            and len(tlvs[envelope.TRACEPARENT] or b"") == TRACEPARENT
            and len(tlvs[envelope.ATTEMPT] or b"") == 1
            and bool(tlvs[envelope.REPLY_SUBJECT])
        )

    def open(self, data: bytes, subject: bytes, reply: bytes, now: float) -> Request | None:
        """Return the request in a message that begins with this form's key.

        ``None`` when it is another one, or one to be refused, and then nothing has been remembered of it. Raise
        ``Unreadable`` for metadata that cannot be read.
        """
        end, session = self._end, self._session
        if not self._least <= len(data) <= MAX_SIZE or subject != self._subject or session.over:
            return None
        start, seq, iat, ttl, mid, before, trace, names, attempt, place, to = self._unpack(data)
        if (
            start != self._start
            or to != reply
            or names != self._names
            or before != self._before
            or place != self._place
            or not trace.isascii()
            or not 0 < ttl <= MAX_TTL
            or seq >= MESSAGES
        ):
            return None
        member = session.member
        if not reply.startswith(member.inbox):
            return None
        try:
            content = self._open_in(session, data[:end], data[end:], self._end_of_aad, seq, iat)
        except SealFault:
            return None
        said = content[0] << 8 | content[1]
        request = Request(
            self._operation,
            content[2 + said :],
            self._content_type,
            Kind.REQUEST,
            mid,
            member.peer,
            traceparent=trace.decode(),
            attempt=attempt,
            received=now,
            deadline=now + ttl / 1000,
            introduced=self._introduced,
            member=member,
        )
        if said and not told(request, content, 2, 2 + said):
            raise Unreadable(request, EnvelopeFault("its metadata cannot be read"))
        return request


class ReplyReader:
    """Opens replies of one instance from one endpoint, in one session."""

    __slots__ = (
        "_before",
        "_carried",
        "_content_type",
        "_end",
        "_facts",
        "_least",
        "_open_in",
        "_said",
        "_session",
        "_start",
        "_unpack",
    )

    def __init__(self, opener: Opener, first: Parts, response: Response, unsealed: Unsealed) -> None:
        """Take what stays the same from a reply that ``fits`` and was believed, as ``response``."""
        self._session = unsealed.session
        self._open_in = opener.open_in
        self._start = unsealed.message[:START]
        self._before = _tlv(first, envelope.CONTENT_TYPE) + ANSWERED_HEAD
        self._carried = _tlv(first, envelope.CREDENTIAL)
        self._said = len(first.metadata).to_bytes(2, "big") + first.metadata
        layout = struct.Struct(f">{START}sQQI{ID}s{len(self._before)}s{ID}s{len(self._carried)}s")
        self._unpack, self._end = layout.unpack_from, layout.size
        self._least = layout.size + 2 + TAG
        self._content_type, self._facts = response.content_type, response.facts

    @staticmethod
    def fits(first: Parts, response: Response) -> bool:
        """Whether a reply that was opened field by field is one that others can be compared with."""
        plain = response.metadata is None and response.status is None and response.headers is None
        return first.kind is Kind.RESPONSE and plain and len(first.metadata) <= _SHORT and _has_only(first, _OF_REPLY)

    def open(self, data: bytes, subject: bytes, asked: bytes) -> Response | Unsealed | None:
        """Return the reply to ``asked`` in a message that came on ``subject`` and begins with this form's key.

        ``None`` when it is another one, or one to be refused, and then nothing has been remembered of it. What is
        ``Unsealed`` says more than those before it.
        """
        end, session = self._end, self._session
        if not self._least <= len(data) <= MAX_SIZE or session.over:
            return None
        start, seq, iat, ttl, _, before, answered, carried = self._unpack(data)
        if (
            start != self._start
            or ttl
            or answered != asked
            or carried != self._carried
            or before != self._before
            or seq >= MESSAGES
        ):
            return None
        clear = data[:end]
        try:
            content = self._open_in(session, clear, data[end:], session.end_of_aad(subject), seq, iat)
        except SealFault:
            return None
        if not content.startswith(self._said):
            return Unsealed(clear + content, session)
        return Response(content[len(self._said) :], self._content_type, None, self._facts, session.member.peer)


def _tlv(parts: Parts, kind: int) -> bytes:
    value = parts.tlvs[kind]
    return b"" if value is None else tlv(kind, value)


def _has_only(parts: Parts, kinds: frozenset[int]) -> bool:
    """Whether a message has of these TLVs and no others; those that a receiver skips count by their length."""
    there = {kind: value for kind, value in enumerate(parts.tlvs) if value is not None}
    return kinds.issuperset(there) and sum(len(value) + 3 for value in there.values()) == parts.length
