"""Members whose credentials have one 64-bit id, and an instance that they call: what it takes, and for whose."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from crossply.handler import Kind, Request
from crossply.names import new_id
from crossply.seal.credentials import Recipient
from crossply.wire.forms import RequestForm
from crossply.wire.sealed.forms import KEY
from crossply.wire.sealed.link import SealedLink
from crossply.wire.sealed.message import request_block, request_content
from crossply.wire.sealed.serving import SealedServer
from tests.support.vouched import Vouching
from tests.unit.sdk.wire.sealed.held import a_link

CID = b"collide!"
WEB, SPY, ORDERS = "k7q2mzp4x3ab", "p7q2mzp4x3ad", "m7q2mzp4x3ac"
SUBJECT = f"mesh.rpc.orders.i-{ORDERS}.quote".encode()
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def same_id(_raw: bytes) -> bytes:
    return CID


@dataclass
class World:
    """Web, spy and orders, whose credentials all have the same id."""

    vouching: Vouching = field(default_factory=Vouching)
    answers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    forms: dict[bytes, RequestForm] = field(default_factory=dict[bytes, RequestForm])

    def __post_init__(self) -> None:
        self.web, self.spy = a_link(self.vouching, "web", WEB), a_link(self.vouching, "spy", SPY)
        self.orders = a_link(self.vouching, "orders", ORDERS)
        self.server: SealedServer = self.orders.server(self._answer, self._again, self.forms.clear)
        for link in (self.web, self.spy, self.orders):
            object.__setattr__(link.sealing.keys.own, "cid", CID)  # frozen: nothing but a test may
            vars(link.sealing.keys.credentials)["_identify"] = same_id

    def _answer(self, to: bytes, payload: bytes, _headers: bytes) -> None:
        self.answers.append((to, payload))

    def _again(self, _subject: bytes, _reply: bytes, _data: bytes, _arrived: float) -> None:
        raise AssertionError("nobody is looked up")

    @property
    def to(self) -> Recipient:
        return self.orders.sealing.keys.credentials.learn(self.orders.sealing.keys.own.raw).recipient

    def knows(self, *links: SealedLink) -> None:
        for link in links:
            self.orders.sealing.keys.credentials.learn(link.sealing.keys.own.raw)

    def sealed(self, link: SealedLink, inbox: bytes, *, introduced: bool = False) -> bytes:
        request = Request("orders.quote", b"a body", id=new_id(), traceparent=TRACE)
        introduction = link.sealing.keys.own.credential if introduced else b""
        block = request_block(vars(link)["_sender"], request, introduction, inbox + b"00000001")
        kind, body = Kind.REQUEST, request_content(request, len(block))
        return link.sealing.sealer.seal_request(self.to, kind, SUBJECT, 5000, request.id, block, body)

    def asked(self, payload: bytes, inbox: bytes) -> str:
        """Have orders take a request; return who it takes its sender for, or nothing where it refuses it."""
        reply = inbox + b"00000001"
        form, now = self.forms.get(payload[:KEY]), time.monotonic()
        request = None if form is None else form.open(payload, SUBJECT, reply, now)
        if request is None:
            request = self.server.open(self.forms, "orders.quote", SUBJECT, reply, payload, now)
        return "" if request is None or request.peer is None else request.peer.service


def inbox(service: str, instance: str) -> bytes:
    return f"_INBOX.{service}.{instance}.".encode()


OF_WEB, OF_SPY = inbox("web", WEB), inbox("spy", SPY)
