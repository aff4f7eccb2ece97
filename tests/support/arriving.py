"""Both halves of the sealed wire around a broker of this process, which hands on what a test gives it alone."""

from __future__ import annotations

import asyncio
import time
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.audit.audit import Audit
from crossply.clock import of_loop
from crossply.handler import Request, Response
from crossply.names import new_id
from crossply.seal import session
from crossply.seal.credentials import Recipient
from crossply.seal.pace import Pace
from crossply.seal.session import Session
from crossply.tasks import Tasks
from crossply.wire import credential, subjects
from crossply.wire.link import LinkConfig
from crossply.wire.mux import Mux
from crossply.wire.sealed.calling import SealedCaller
from crossply.wire.sealed.events import SealedEvents
from crossply.wire.sealed.sealing import Sealing
from crossply.wire.sealed.serving import SealedServer
from crossply.wire.senders import Sender, Senders
from crossply.wire.serving import Server
from tests.support.vouched import VouchedKeys, Vouching

CALLER, CALLEE = "k7q2mzp4x3ab", "m7q2mzp4x3ac"
OPERATION = "orders.quote"
CHANNEL = "shop.sold"
NOBODY = b"NATS/1.0 503\r\n\r\n"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
Sent = tuple[bytes, bytes, bytes]


class Broker:
    """A connection that notes what is sent, and who listens; ``sent`` are subject, payload and reply subject."""

    def __init__(self) -> None:
        self.current = self
        self.open = self.connected = True
        self.full = self.busy = False
        self.max_payload = 1 << 20
        self.arrived = 0.0
        self.sent: list[Sent] = []
        self.takes: dict[bytes, Any] = {}

    def listen(self, subject: bytes, take: Any, *, queue: bytes = b"") -> bytes:
        """Remember who listens."""
        self.takes[subject] = take
        return queue

    def send(self, subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> None:
        """Note what is sent."""
        self.sent.append((subject, payload, reply))


class WallClock:
    """Unix milliseconds that a test moves."""

    def __init__(self) -> None:
        self.now = time.time_ns() // 1_000_000

    def __call__(self) -> int:
        return self.now


class Side:
    """One instance: its keys, what it seals and opens with, and why it did not open something."""

    def __init__(self, vouching: Vouching, service: str, instance: str, clock: WallClock) -> None:
        self.config = LinkConfig(servers=("nats://nowhere",), service=service, instance=instance)
        self.keys: VouchedKeys = vouching.keys(service, instance)
        self.audit = Audit(1 << 20)
        self.sealing = Sealing(self.keys, service, self.audit, clock=clock)
        self.sealing.opener.pace = Pace(rate=10**9)  # what is refused here is refused for what it is
        identity = credential.identity("mesh.local", "default", service)
        self.sender = Sender(credential.Credential(identity=identity, instance=instance))
        self.member = self.keys.credentials.learn(self.keys.own.raw)

    def session(self, to: Recipient, clock: WallClock) -> Session:
        """Begin a session of this instance that only the test seals in."""
        key = X25519PrivateKey.generate()
        return session.pair(self.keys.own, to, now=clock(), lineage=self.keys.lineage, aead=AESGCM, ephemeral=key)


class Arriving:
    """web, which calls and publishes, and orders, which serves ``quote``, hears ``shop.sold`` and notes what ran."""

    def __init__(self) -> None:
        self.clock, self.vouching, self.broker = WallClock(), Vouching(), Broker()
        self.web = Side(self.vouching, "web", CALLER, self.clock)
        self.orders = Side(self.vouching, "orders", CALLEE, self.clock)
        self.stock = Side(self.vouching, "stock", "s7q2mzp4x3ad", self.clock)
        self.sibling = Side(self.vouching, "orders", "n7q2mzp4x3ae", self.clock)
        self.twin = Side(self.vouching, "web", "t7q2mzp4x3af", self.clock)
        for each in (self.web, self.orders):
            self._collide(each)
        self.ran: list[Request] = []
        self.raised: list[str] = []
        broker, now = cast("Any", self.broker), of_loop()
        self.mux = Mux(subjects.inbox("web", CALLER), now)
        self.mux.spare = 0  # what does not name its request ends its call, as at the first use of a token
        web, senders = self.web, Senders()
        self.caller = SealedCaller(
            web.sealing, cast("Any", None), broker=broker, mux=self.mux, sender=web.sender, senders=senders, now=now
        )
        orders = self.orders
        self.tasks = Tasks(self._failed)
        self.server = Server(
            orders.config, broker, orders.sender, Senders(), self.tasks, self._failed,
            lambda answer, again, forget: SealedServer(
                orders.sealing, orders.sender, answer=answer, again=again, forget=forget, now=now
            ),
        )  # fmt: skip
        self.server.serve("quote", self._quote, prompt=True)
        self.published = SealedEvents(web.sealing, web.sender)
        self.heard = SealedEvents(orders.sealing, orders.sender)
        web.sealing.hear(orders.member.peer, orders.member.raw)
        self.anywhere = subjects.any_instance("orders", "quote").encode()
        self.elsewhere = subjects.one_instance("orders", CALLEE, "nothing").encode()
        self.subject = subjects.one_instance("orders", CALLEE, "quote").encode()

    def _collide(self, side: Side) -> None:
        """Have one side take the ids of ``web`` and of ``twin`` for the same, as 2^32 tries would make two that are."""
        same, twin = credential.cid(self.web.keys.own.raw), self.twin.keys.own.raw

        def identify(raw: bytes) -> bytes:
            return same if raw == twin else credential.cid(raw)

        vars(side.keys.credentials)["_identify"] = identify

    async def _quote(self, request: Request) -> Response:
        self.ran.append(request)
        return Response(request.body)

    def _failed(self, what: str, error: BaseException) -> None:
        self.raised.append(f"{what}: {error!r}")

    def arrives(self, data: bytes, reply: bytes, subject: bytes | None = None) -> list[Sent]:
        """Hand a message to the callee as its connection does; return what it answered."""
        self.broker.sent.clear()
        self.broker.takes[self.subject.rpartition(b".")[0] + b".*"](subject or self.subject, reply, data, b"")
        return list(self.broker.sent)


def a_request() -> Request:
    """Return a traced call to the callee's instance."""
    request = Request(OPERATION, b"hello", id=new_id(), instance=CALLEE, traceparent=TRACE)
    request.deadline = asyncio.get_running_loop().time() + 5.0
    return request
