"""A caller and a callee in the middle of a session, for the tests of forms: what they send, and how it is opened."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from crossply.handler import Facts, Kind, Request, Response
from crossply.seal import layout
from crossply.seal.opener import Opener, Unsealed
from crossply.wire.credential import Credential
from crossply.wire.sealed.forms import ReplyReader, RequestReader
from crossply.wire.sealed.message import content, reply_block, request_block, request_content
from crossply.wire.sealed.writers import RequestWriter
from crossply.wire.senders import Sender
from tests.unit.sdk.seal.members import Pair

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ID = bytes(range(16))
TTL, RECEIVED = 2500, 10.0
OF_ITS_OWN = slice(layout.SIZE - 16, layout.SIZE)
SEQUENCE = slice(layout.START, layout.START + 8)
FACTS = Facts(idempotent=True)


def a_request(**said: object) -> Request:
    request = Request("orders.quote", b"a body", id=ID, traceparent=TRACE)
    for name, value in said.items():
        setattr(request, name, value)
    return request


@dataclass
class Ends:
    """A caller and a callee in the middle of a session, what they send, and how it is opened field by field."""

    pair: Pair = field(default_factory=Pair)

    def __post_init__(self) -> None:
        caller, callee = self.pair.caller, self.pair.callee
        callee.credentials.learn(caller.own.raw)
        caller.credentials.learn(callee.own.raw)
        self.inbox = caller.reply[: caller.reply.rfind(b".") + 1]
        self.sender = Sender(Credential(identity="spiffe://mesh.test/t/acme/svc/web", instance=caller.instance))

    def request(self, request: Request, token: bytes, *, extra: bytes = b"", spoilt: bytes | None = None) -> bytes:
        """Return a request as it is sealed field by field; ``spoilt`` is its content, when it is to be another."""
        caller, callee = self.pair.caller, self.pair.callee
        block = request_block(self.sender, request, b"", self.inbox + token) + extra
        sealed = request_content(request, len(block)) if spoilt is None else spoilt
        return caller.sealer.seal_request(callee.recipient, request.kind, callee.subject, TTL, ID, block, sealed)

    def request_writer(self, request: Request, token: bytes) -> RequestWriter:
        """Return the form of requests that go as this one does."""
        caller, callee = self.pair.caller, self.pair.callee
        session = caller.sealer.session(callee.recipient)
        assert session is not None
        return RequestWriter(session, self.sender.names(request), callee.subject, self.inbox, len(token))

    def unsealed(self, payload: bytes, token: bytes) -> Unsealed:
        """Open a request, elsewhere than where forms open it, so that both see it for the first time."""
        callee = self.pair.callee
        opener = Opener(callee.ring, callee.credentials, callee.lineage, clock=self.pair.clock)
        return opener.unseal_request(payload, callee.subject, self.inbox + token)

    def request_reader(self, token: bytes, **said: object) -> RequestReader:
        """Return the form of requests that come as the first one does."""
        callee, payload = self.pair.callee, self.request(a_request(**said), token)
        unsealed = callee.opener.unseal_request(payload, callee.subject, self.inbox + token)
        parts = layout.parts(unsealed.message)
        assert RequestReader.fits(parts)
        return RequestReader(callee.opener, parts, unsealed, callee.subject, "orders.quote", introduced=True)

    def open(self, form: RequestReader, payload: bytes, token: bytes) -> Request | None:
        """Open a request by a form, on the subject and with the reply subject that it is sent with."""
        return form.open(payload, self.pair.callee.subject, self.inbox + token, RECEIVED)

    def reply(self, body: bytes, token: bytes, *, asked: bytes = ID, said: bytes = b"") -> bytes:
        """Return a reply as it is sealed field by field."""
        caller, callee = self.pair.caller, self.pair.callee
        block = reply_block(self.sender.content_type("application/json"), asked, b"")
        sealed = content("reply", said, body, len(block))
        return callee.sealer.seal_reply(caller.recipient, Kind.RESPONSE, self.inbox + token, ID[::-1], block, sealed)

    def reply_reader(self, token: bytes) -> ReplyReader:
        """Return the form of replies that come as the first one does."""
        caller, callee = self.pair.caller, self.pair.callee
        unsealed = caller.opener.unseal_reply(self.reply(b"first", token), self.inbox + token, callee.recipient, ID)
        response = Response(b"first", "application/json", None, FACTS)
        parts = layout.parts(unsealed.message)
        assert ReplyReader.fits(parts, response)
        return ReplyReader(caller.opener, parts, response, unsealed)


def same_but_for_sequence(one: bytes, other: bytes) -> bool:
    return one[: SEQUENCE.start] + one[SEQUENCE.stop :] == other[: SEQUENCE.start] + other[SEQUENCE.stop :]


def plain(value: Request | Response) -> object:
    return msgspec.structs.asdict(value)
