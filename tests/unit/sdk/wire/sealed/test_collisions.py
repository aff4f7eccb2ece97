"""Two credentials with one 64-bit id, forced: neither speaks for the other, whichever came first, in any message."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import pytest

from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.seal.credentials import Recipient
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.forms import RequestForm
from crossply.wire.sealed.forms import KEY
from crossply.wire.sealed.link import SealedLink
from crossply.wire.sealed.message import content, request_block, request_content
from crossply.wire.sealed.serving import SealedServer
from tests.support.vouched import Vouching
from tests.unit.sdk.wire.sealed.held import a_link, an_event, opens

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


@pytest.fixture
def world() -> World:
    return World()


def inbox(service: str, instance: str) -> bytes:
    return f"_INBOX.{service}.{instance}.".encode()


OF_WEB, OF_SPY = inbox("web", WEB), inbox("spy", SPY)


@pytest.mark.parametrize("first", ["web", "spy"])
def test_each_is_who_its_keys_say_though_their_messages_look_alike(world: World, first: str) -> None:
    places = {"web": (world.web, OF_WEB), "spy": (world.spy, OF_SPY)}
    for name in sorted(places, key=lambda each: each != first):
        world.knows(places[name][0])
    for _ in range(4):
        for name, (link, own) in places.items():
            assert world.asked(world.sealed(link, own), own) == name
    [key] = world.forms
    assert (key[8:16], len(key)) == (CID, KEY), "one form, by turns of the one and of the other"


def test_what_spy_seals_is_never_webs_nor_answered_at_webs_inbox(world: World) -> None:
    world.knows(world.web, world.spy)
    for _ in range(3):
        assert world.asked(world.sealed(world.web, OF_WEB), OF_WEB) == "web"
        assert world.asked(world.sealed(world.spy, OF_WEB), OF_WEB) == ""
    assert world.asked(world.sealed(world.spy, OF_WEB, introduced=True), OF_WEB) == ""


def test_where_spys_credential_was_never_seen_its_messages_open_nothing(world: World) -> None:
    world.knows(world.web)
    assert world.asked(world.sealed(world.spy, OF_SPY), OF_SPY) == ""
    assert world.asked(world.sealed(world.web, OF_WEB), OF_WEB) == "web"


def test_a_credential_that_is_shown_beside_anothers_seal_opens_nothing(world: World) -> None:
    world.knows(world.web, world.spy)
    theirs, own = world.web.sealing.keys.own.credential, world.spy.sealing.keys.own.credential
    payload = world.sealed(world.spy, OF_WEB, introduced=True)
    assert len(theirs) != len(own) or world.asked(payload.replace(own, theirs), OF_WEB) == ""
    assert world.asked(world.sealed(world.web, OF_WEB), OF_WEB) == "web"
    # In a session of its own that is known already.
    assert world.asked(world.sealed(world.spy, OF_SPY), OF_SPY) == "spy"
    object.__setattr__(world.spy.sealing.keys.own, "credential", theirs)
    assert world.asked(world.sealed(world.spy, OF_SPY, introduced=True), OF_SPY) == ""


def test_the_reply_goes_to_who_asked_and_opens_nowhere_else(world: World) -> None:
    world.knows(world.web, world.spy)
    payload, reply = world.sealed(world.web, OF_WEB), OF_WEB + b"00000001"
    request = world.server.open(world.forms, "orders.quote", SUBJECT, reply, payload, time.monotonic())
    assert request is not None
    answer = world.server.pack(request, reply, Response(b"an answer"))
    assert content("reply", b"", b"an answer", 0)[2:] not in answer
    with pytest.raises(EnvelopeFault):
        world.spy.sealing.opener.unseal_reply(answer, reply, world.to, request.id)
    world.web.sealing.keys.credentials.learn(world.orders.sealing.keys.own.raw)
    assert world.web.sealing.opener.unseal_reply(answer, reply, world.to, request.id).strict


@pytest.mark.parametrize("first", ["web", "spy"])
def test_an_event_is_of_who_signed_it(world: World, first: str) -> None:
    links = {"web": world.web, "spy": world.spy}
    for name in sorted(links, key=lambda each: each != first):
        payload = links[name].events.pack(an_event())
        request = world.orders.events.open(payload, "orders.created", time.time(), time.monotonic())
        assert request.peer is not None
        assert request.peer.service == name
        # Its session is known by now: another's credential in it is refused.
        other = links["web" if name == "spy" else "spy"].sealing.keys.own.credential
        assert not opens(world.orders, payload.replace(links[name].sealing.keys.own.credential, other))


def test_an_event_in_anothers_session_is_refused_though_the_ids_are_the_same(world: World) -> None:
    payload, forged = world.web.events.pack(an_event()), world.spy.events.pack(an_event())
    assert opens(world.orders, payload)
    # Its session's salt is put in the place of spy's: cid, kid and enc are those of web's session.
    assert not opens(world.orders, forged[:24] + payload[24:56] + forged[56:])
