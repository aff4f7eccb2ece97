"""Whoever holds the wire changes, cuts, mixes and moves sealed messages: nothing of that runs, and nothing is believed.

Through the parts that a link reads with: opener, decoder, and the forms of messages like the one before.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import pytest

from benchmarks.sides import Here, Pair, a_request
from crossply.errors import IntegrityFailed, Unauthenticated
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.seal import layout
from crossply.seal.pace import Pace
from crossply.seal.received import ReceivedSessions
from crossply.wire import credential, envelope
from crossply.wire.credential import Credential
from crossply.wire.envelope import EnvelopeFault, tlv
from crossply.wire.link import LinkConfig
from crossply.wire.sealed.link import SealedLink
from crossply.wire.sealed.message import content
from crossply.wire.senders import Sender
from tests.support.vouched import Vouching

HEADER = {
    "begin": (0, 3),
    "kind": (3, 4),
    "flags": (4, 6),
    "cid": (8, 16),
    "kid": (16, 24),
    "enc": (24, 56),
    "sequence": (56, 64),
    "sent": (64, 72),
    "ttl": (72, 76),
    "id": (76, 92),
}
FIELDS = (*HEADER, "TLVs", "ciphertext", "tag", "content")
RUN = b"\xe7\x01\x01\x02"
"""How the reply of a call that ran begins: sealed, and a response."""
MANY = 10**9

Change: TypeAlias = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Frame:
    """A message on its way."""

    subject: bytes
    payload: bytes
    reply: bytes = b""


class Wire:
    """Web calls orders over a wire that somebody else holds: catches requests, delivers them, changes replies."""

    def __init__(self) -> None:
        self.pair = Pair(sealed=True)
        self.inbox = self.pair.mux.prefix
        self.caught: list[Frame] | None = None
        self.sent: list[Frame] = []
        self.change: Change = bytes
        self.pair.broker.send = self._send  # type: ignore[method-assign]  # to stand in between
        for link in (self.pair.near, self.pair.far):
            # What is refused here is refused for what it is, not for how much of it there is.
            link.sealing.opener.pace = Pace(rate=MANY)
            link.sealing.opener.sessions = ReceivedSessions(limit=MANY, each=MANY)

    def _send(self, subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> None:
        frame = Frame(subject, payload, reply)
        self.sent.append(frame)
        if not reply:
            if subject.startswith(self.inbox):
                Here.send(self.pair.broker, subject, self.change(payload), reply, headers)
        elif self.caught is None:
            self.deliver(frame)
        else:
            self.caught.append(frame)

    def deliver(self, frame: Frame) -> None:
        Here.send(self.pair.broker, frame.subject, frame.payload, frame.reply)

    async def catch(self, made: Request | None = None) -> Frame:
        """Have web make a call that does not arrive."""
        self.caught = []
        waiting = asyncio.ensure_future(self._call(made or a_request()))
        while not self.caught:
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        [frame], self.caught = self.caught, None
        return frame

    async def _call(self, made: Request) -> None:
        await self.pair.call(made)

    def ran(self, frames: Iterable[Frame]) -> int:
        """Deliver these; return how many of them ran."""
        self.sent.clear()
        for frame in frames:
            self.deliver(frame)
        return sum(each.payload.startswith(RUN) for each in self.sent)

    async def believed(self, change: Change) -> bool:
        """Make a call whose reply is changed on its way; return whether web takes it for an answer."""
        self.change = change
        try:
            await self.pair.call(a_request())
        except (IntegrityFailed, Unauthenticated):
            return False
        finally:
            self.change = bytes
        return True

    async def reply(self) -> bytes:
        """Return a reply as it is sent."""
        await self.pair.call(a_request())
        return self.sent[-1].payload


@pytest.fixture
async def wire() -> Wire:
    return Wire()


def flipped(payload: bytes, bit: int) -> bytes:
    changed = bytearray(payload)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def cut(payload: bytes, length: int) -> bytes:
    return payload[:length]


def put_on(payload: bytes, more: bytes) -> bytes:
    return payload + more


def flips(payload: bytes) -> Iterator[bytes]:
    return (flipped(payload, bit) for bit in range(len(payload) * 8))


def swapped(payload: bytes, name: str, other: bytes) -> bytes:
    """Return a message with one field of another one."""
    end, from_end = (layout.SIZE + int.from_bytes(each[6:8], "big") for each in (payload, other))
    match name:
        case "TLVs":
            return payload[:6] + other[6:8] + payload[8 : layout.SIZE] + other[layout.SIZE : from_end] + payload[end:]
        case "ciphertext":
            return payload[:end] + other[from_end : -layout.TAG] + payload[-layout.TAG :]
        case "tag":
            return payload[: -layout.TAG] + other[-layout.TAG :]
        case "content":
            return payload[:end] + other[from_end:]
        case _:
            start, stop = HEADER[name]
            return payload[:start] + other[start:stop] + payload[stop:]


async def met(wire: Wire, calls: int) -> None:
    for _ in range(calls):
        await wire.pair.call(a_request())


@pytest.mark.parametrize("calls", [0, 1, 3], ids=["the first", "in a session", "like those before"])
async def test_no_bit_of_a_request_may_be_another(wire: Wire, calls: int) -> None:
    await met(wire, calls)
    frame = await wire.catch()
    assert wire.ran(Frame(frame.subject, each, frame.reply) for each in flips(frame.payload)) == 0
    assert wire.ran([frame]) == 1


@pytest.mark.parametrize("calls", [0, 3], ids=["the first", "like those before"])
async def test_no_end_of_a_request_may_be_cut_off_and_nothing_put_on(wire: Wire, calls: int) -> None:
    await met(wire, calls)
    frame = await wire.catch()
    cut = [frame.payload[:length] for length in range(len(frame.payload))]
    more = [frame.payload + each for each in (b"\0", bytes(16), frame.payload)]
    assert wire.ran(Frame(frame.subject, each, frame.reply) for each in cut + more) == 0
    assert wire.ran([frame]) == 1


async def others(wire: Wire) -> list[Frame]:
    """Return what else web says that is valid: in its session, in its next, a question, a call of another length."""
    ping = Request("orders.quote", kind=Kind.PING, id=new_id(), instance=a_request().instance)
    ping.deadline = time.monotonic() + 5.0
    longer = a_request()
    longer.body = b"y" * 500
    found = [await wire.catch(each) for each in (a_request(), ping, longer)]
    [place] = vars(wire.pair.near.sealing.sealer)["sessions"]
    wire.pair.near.sealing.sealer.forgotten(place)
    return [*found, await wire.catch(), await wire.catch()]


@pytest.mark.parametrize("name", FIELDS)
async def test_no_field_of_a_request_may_be_that_of_another_request(wire: Wire, name: str) -> None:
    await met(wire, 2)
    frame = await wire.catch()
    whole = [frame, *await others(wire)]
    mixed = [
        Frame(one.subject, made, one.reply)
        for one in whole
        for other in whole
        if (made := swapped(one.payload, name, other.payload)) not in {one.payload, other.payload}
    ]
    assert wire.ran(mixed) == 0
    assert wire.ran(each for each in whole if each.payload[3] == Kind.REQUEST) == len(whole) - 1


async def test_no_request_runs_where_another_was_sent_nor_is_it_answered_elsewhere(wire: Wire) -> None:
    await met(wire, 2)
    one, other = await wire.catch(), await wire.catch()
    elsewhere = one.subject.replace(b"quote", b"cancel")
    any_instance = b"mesh.rpc.orders.any.quote"
    moved = [Frame(subject, one.payload, one.reply) for subject in (elsewhere, any_instance)]
    assert wire.ran(moved) == 0
    inboxes = (other.reply, one.reply + b"0", one.reply[:-1], b"_INBOX.web.otherinstanc.1", b"_INBOX.mallory.a.1")
    for reply in (*inboxes, b"mesh.ctl.head", b"$JS.API.STREAM.LIST", b"mesh.rpc.orders.any.quote"):
        caught = await wire.catch()
        assert wire.ran([Frame(caught.subject, caught.payload, reply)]) == 0
        assert all(each.subject == reply and reply in inboxes for each in wire.sent), "an answer is for inboxes"


async def test_no_member_has_its_answers_sent_to_another(wire: Wire) -> None:
    wire.pair.mux.prefix = b"_INBOX.stock.otherinstanc."  # what it seals agrees with where it asks to be answered
    assert wire.ran([await wire.catch()]) == 0


async def test_a_request_said_again_does_not_run_again(wire: Wire) -> None:
    frames = [await wire.catch() for _ in range(5)]
    assert wire.ran(frames) == 5
    assert wire.ran(frames[::-1]) == 0
    wire.pair.near.sealing.sealer.sessions.clear()
    assert wire.ran([await wire.catch()]) == 1
    assert wire.ran(frames) == 0


@pytest.mark.parametrize("keeps", [False, True], ids=["in the first reply", "in a session"])
async def test_no_bit_of_a_reply_may_be_another(wire: Wire, keeps: bool) -> None:
    reply = await wire.reply()
    if keeps:
        # As one that does not begin anew after each that it refused: else there would be no session to attack.
        wire.pair.near.sealing.sealer.forgotten = lambda to: None  # type: ignore[method-assign]
        reply = await wire.reply()
    believed = [await wire.believed(partial(flipped, bit=bit)) for bit in range(len(reply) * 8)]
    assert (sum(believed), len(believed) > 2000) == (0, True)
    assert await wire.believed(bytes)


async def test_no_end_of_a_reply_may_be_cut_off_and_nothing_put_on(wire: Wire) -> None:
    await met(wire, 2)
    reply = await wire.reply()
    cuts = [partial(cut, length=length) for length in range(len(reply))]
    cuts += [partial(put_on, more=more) for more in (b"\0", bytes(16), reply)]
    assert sum([await wire.believed(each) for each in cuts]) == 0


@pytest.mark.parametrize("name", FIELDS)
async def test_no_field_of_a_reply_may_be_that_of_another_reply(wire: Wire, name: str) -> None:
    first = await wire.reply()
    await met(wire, 2)
    earlier = [first, await wire.reply()]
    request = (await wire.catch()).payload

    for other in (*earlier, request):
        believed = await wire.believed(partial(swapped, name=name, other=other))
        sent = wire.sent[-1].payload
        assert believed == (swapped(sent, name, other) == sent)


async def test_no_reply_answers_another_call(wire: Wire) -> None:
    await met(wire, 2)
    earlier = await wire.reply()
    assert not await wire.believed(lambda _sent: earlier)


@pytest.mark.parametrize("calls", [1, 3], ids=["in a session", "like those before"])
async def test_no_callee_answers_one_call_with_what_it_sealed_for_another(wire: Wire, calls: int) -> None:
    await met(wire, calls)
    near, far = wire.pair.near.sealing, wire.pair.far.sealing
    said = vars(wire.pair.far)["_sender"].reply_metadata(Response(b"a lie"))
    to = far.keys.credentials.learn(near.keys.own.raw).recipient

    def answering(sent: bytes, answered: bytes | None = None) -> bytes:
        """Seal the reply anew, as an answer to another call; its credential is left out, as in the one before."""
        end = layout.SIZE + int.from_bytes(sent[6:8], "big")
        asked = tlv(envelope.IN_REPLY_TO, answered or new_id())
        at = sent.index(asked[:3], layout.SIZE, end)
        block = sent[layout.SIZE : at] + asked + sent[at + len(asked) : end]
        sealed = content("reply", said, b"a lie", block)
        return far.sealer.seal_reply(to, Kind.RESPONSE, wire.sent[-1].subject, new_id(), block, sealed)

    assert not await wire.believed(answering)
    assert await wire.believed(lambda sent: answering(sent, wire.sent[-2].payload[76:92])), "the right one passes"


def a_link(vouching: Vouching, service: str, instance: str) -> SealedLink:
    config = LinkConfig(servers=("nats://nowhere",), service=service, instance=instance)
    said = Sender(Credential(identity=credential.identity("mesh.local", "default", service), instance=instance))
    return SealedLink(config, vouching.keys(service, instance), said, time.monotonic)


@pytest.fixture
def links() -> tuple[SealedLink, SealedLink]:
    vouching = Vouching()
    return a_link(vouching, "web", "k7q2mzp4x3ab"), a_link(vouching, "stock", "m7q2mzp4x3ac")


def an_event(channel: str = "orders.created", body: bytes = b"an event") -> Request:
    return Request(channel, body, kind=Kind.EVENT, id=new_id())


def opens(link: SealedLink, payload: bytes, channel: str = "orders.created") -> bool:
    try:
        link.events.open(payload, channel, time.time(), time.monotonic())
    except EnvelopeFault:
        return False
    return True


@pytest.mark.parametrize("seen", [False, True], ids=["the first", "in a session"])
def test_no_bit_and_no_end_of_an_event_may_be_another(links: tuple[SealedLink, SealedLink], seen: bool) -> None:
    web, stock = links
    if seen:
        assert opens(stock, web.events.pack(an_event()))
    payload = web.events.pack(an_event())
    changed = [*flips(payload), *(payload[:end] for end in range(len(payload))), payload + b"\0", payload * 2]
    assert sum(opens(stock, each) for each in changed) == 0
    assert opens(stock, payload)


@pytest.mark.parametrize("name", [*FIELDS, "signature"])
def test_no_field_of_an_event_may_be_that_of_another(links: tuple[SealedLink, SealedLink], name: str) -> None:
    web, stock = links
    events = [web.events.pack(an_event()), stock.events.pack(an_event()), web.events.pack(an_event("orders.paid"))]
    events.append(web.events.pack(an_event(body=b"another, and longer than that")))
    mixed = {swapped_event(one, name, other) for one in events for other in events} - set(events)
    assert sum(opens(stock, each, channel) for each in mixed for channel in ("orders.created", "orders.paid")) == 0
    assert [opens(stock, each) for each in events] == [True, True, False, True]


def swapped_event(payload: bytes, name: str, other: bytes) -> bytes:
    mine, theirs = payload[-layout.SIGNATURE :], other[-layout.SIGNATURE :]
    if name == "signature":
        return payload[: -layout.SIGNATURE] + theirs
    return swapped(payload[: -layout.SIGNATURE], name, other[: -layout.SIGNATURE]) + mine
