"""Sealed messages in the hands of somebody who holds the wire: caught, cut, mixed, moved, said again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.sides import Here, Pair, a_request
from crossply.errors import IntegrityFailed, Unauthenticated
from crossply.handler import Kind, Request
from crossply.names import new_id
from crossply.seal import layout
from crossply.seal.pace import Pace
from crossply.seal.received import ReceivedSessions
from crossply.wire import credential
from crossply.wire.credential import Credential
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.link import LinkConfig
from crossply.wire.sealed.link import SealedLink
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
        self.pair.mux.spare = 0  # so that what is not believed ends its call, at the first look at what is sealed
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


def a_link(vouching: Vouching, service: str, instance: str) -> SealedLink:
    config = LinkConfig(servers=("nats://nowhere",), service=service, instance=instance)
    said = Sender(Credential(identity=credential.identity("mesh.local", "default", service), instance=instance))
    return SealedLink(config, vouching.keys(service, instance), said, time.monotonic)


def an_event(channel: str = "orders.created", body: bytes = b"an event") -> Request:
    return Request(channel, body, kind=Kind.EVENT, id=new_id())


def opens(link: SealedLink, payload: bytes, channel: str = "orders.created") -> bool:
    try:
        link.events.open(payload, channel, time.time(), time.monotonic())
    except EnvelopeFault:
        return False
    return True
