"""Forms of sealed messages that go: one struct packs head and TLVs of those that are like the one before.

As in ``crossply.wire.forms``. A form holds for one session: it takes its numbers from that, has it
seal, and ends with it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from crossply.handler import Kind
from crossply.names import new_id
from crossply.seal.faults import SessionSpent
from crossply.seal.layout import SIZE, START
from crossply.wire import content_types, envelope, metadata
from crossply.wire.envelope import tlv
from crossply.wire.message import MAX_BODY
from crossply.wire.sealed.forms import ANSWERED_HEAD, ATTEMPT_HEAD, ID, TRACE_HEAD, TRACEPARENT
from crossply.wire.sealed.message import EMPTY, HIGHEST, content

if TYPE_CHECKING:
    from crossply.handler import Facts, Request, Response
    from crossply.seal.session import Session


class RequestWriter:
    """Seals requests with a traceparent in one content type to one endpoint, in one ``session``.

    Their inbox tokens are of one ``length``. Their recipient knows who sends them: they do not introduce themselves.
    """

    __slots__ = ("_before", "_end_of_aad", "_length", "_names", "_pack", "_place", "_start", "_tlvs", "session")

    def __init__(self, session: Session, names: tuple[bytes, bytes], subject: bytes, inbox: bytes, length: int) -> None:
        """Take what stays the same; ``names`` are two TLVs, ``inbox`` is the reply subject up to its token."""
        content_type, operation = names
        self.session, self._length = session, length
        self._before = content_type + TRACE_HEAD
        self._names = operation + ATTEMPT_HEAD
        self._place = tlv(envelope.REPLY_SUBJECT, inbox + bytes(length))[:-length]
        before, place = len(self._before), len(self._place)
        layout = struct.Struct(f">{START}sQQI{ID}s{before}s{TRACEPARENT}s{len(self._names)}sB{place}s{length}s")
        self._pack = layout.pack
        self._tlvs = layout.size - SIZE
        self._start = session.start(Kind.REQUEST, self._tlvs)
        self._end_of_aad = session.end_of_aad(subject)

    @staticmethod
    def fits(request: Request) -> bool:
        """Whether a request is one that others can be like: it says what most do, and no more."""
        parent = request.traceparent
        return (
            request.kind is Kind.REQUEST
            and parent is not None
            and len(parent) == TRACEPARENT
            and request.tracestate is None
            and request.schema is None
        )

    def seal(self, request: Request, token: bytes, iat: int, ttl: int) -> bytes | None:
        """Return an attempt's wire form; ``None`` where it does not fit, or the session is over.

        Raise ``PayloadTooLarge``, or ``NotOurs`` in a forked process.
        """
        session, parent = self.session, request.traceparent
        if parent is None or request.tracestate is not None or request.schema is not None:
            return None
        trace = parent.encode()
        if len(trace) != TRACEPARENT or len(token) != self._length or not session.began <= iat < session.until:
            return None
        said, body, attempt = metadata.pack_request(request), request.body, request.attempt
        plain = not said and len(body) <= MAX_BODY
        sealed = EMPTY + body if plain else content(request.operation, said, body, self._tlvs)
        if attempt > HIGHEST:  # noqa: PLR1730 - a call to `min` costs more than the line
            attempt = HIGHEST
        number = session.next()
        before, names, place = self._before, self._names, self._place
        head = self._pack(self._start, number, iat, ttl, request.id, before, trace, names, attempt, place, token)
        try:
            return session.finish(head, self._end_of_aad, number, sealed)
        except SessionSpent:
            return None


class ReplyWriter:
    """Seals replies in one content type to one instance, in one ``session``, that say nothing but ``facts``.

    Who asked knows who answers: they do not introduce themselves.
    """

    __slots__ = ("_before", "_content_type", "_facts", "_pack", "_said", "_start", "session")

    def __init__(self, session: Session, content_type: str, facts: Facts | None, said: bytes) -> None:
        """Take what stays the same; ``said`` is the metadata."""
        self.session, self._content_type, self._facts = session, content_type, facts
        self._before = content_types.pack(content_type) + ANSWERED_HEAD
        self._said = len(said).to_bytes(2, "big") + said
        layout = struct.Struct(f">{START}sQQI{ID}s{len(self._before)}s{ID}s")
        self._pack = layout.pack
        self._start = session.start(Kind.RESPONSE, layout.size - SIZE)

    def seal(self, response: Response, reply: bytes, answered: bytes, iat: int) -> bytes | None:
        """Return the wire form of the reply to the message of id ``answered``.

        ``None`` where it says more, or the session is over. Raise ``NotOurs`` in a forked process.
        """
        session, body = self.session, response.body
        if (
            response.facts is not self._facts
            or response.content_type != self._content_type
            or response.failure is not None
            or response.metadata is not None
            or response.status is not None
            or response.headers is not None
            or len(body) > MAX_BODY
            or not session.began <= iat < session.until
        ):
            return None
        number = session.next()
        head = self._pack(self._start, number, iat, 0, new_id(), self._before, answered)
        try:
            return session.finish(head, session.end_of_aad(reply), number, self._said + body)
        except SessionSpent:
            return None
