"""What is made to cost its receiver much costs it little: before its tag is verified nothing of a message is decoded.

A profiler sees every call into the decoders, wherever it comes from; a tracer every allocation.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any

import msgspec
import pytest

from benchmarks.sides import a_request
from crossply.handler import Kind
from crossply.seal import layout
from crossply.wire import envelope
from crossply.wire.envelope import Envelope, EnvelopeFault, tlv
from tests.support.vouched import Vouching
from tests.unit.sdk.wire.sealed.held import Frame, Wire, a_link, an_event, met

DEEP = b"\x91" * 900_000
WIDE = b"\xdd\xff\xff\xff\xff" + b"\x80" * 900_000
"""An array that says it has 2^32 items, and begins with a million empty maps."""
LONG = b"\xdb\xff\xff\xff\xff"
LISTS = (DEEP, WIDE, LONG, b"\xdf\xff\xff\xff\xff" * 100)
SLACK = 64 * 1024
DECODERS = (msgspec.msgpack.Decoder, msgspec.json.Decoder)
DECODING = (msgspec.msgpack.decode, msgspec.json.decode)


@contextmanager
def watched() -> Generator[list[str]]:
    """Yield where decoders were called from, as it grows."""
    found: list[str] = []

    def profile(frame: FrameType, event: str, what: Any) -> None:
        if event == "c_call" and (what in DECODING or isinstance(getattr(what, "__self__", None), DECODERS)):
            found.append(frame.f_code.co_qualname)

    sys.setprofile(profile)
    try:
        yield found
    finally:
        sys.setprofile(None)


def cost(act: Callable[[], object]) -> int:
    """Return the most bytes that were held at a time by what is done."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def with_tlvs(payload: bytes, block: bytes, rest: bytes) -> bytes:
    return payload[:6] + min(len(block), 0xFFFF).to_bytes(2, "big") + payload[8 : layout.SIZE] + block + rest


def bombs(payload: bytes) -> Iterator[bytes]:
    """Yield messages that look like a valid one, whose tag nobody could make."""
    end = layout.SIZE + int.from_bytes(payload[6:8], "big")
    said = payload[layout.SIZE : end]
    fresh = payload[:24] + bytes(range(32)) + payload[56:]
    for start in (payload, fresh):
        for each in LISTS:
            content = len(each[:0xFFFF]).to_bytes(2, "big") + each
            yield start[:end] + content[: layout.MAX_CONTENT] + bytes(layout.TAG)
        for length in (0xFFFF, envelope.MAX_TLVS, envelope.MAX_TLVS + 1, 1):
            yield start[:6] + length.to_bytes(2, "big") + start[8:]
        empty = b"".join(tlv(kind, b"") for kind in (*range(1, 11), *range(0x80, 0x100)))
        lying = said[:1] + b"\xff\xff" + said[3:]
        for block in (empty, lying, b"\x80\0\0" * 1300, tlv(7, b"\xc7\x01\xff\xff"), tlv(7, bytes(4000))):
            yield with_tlvs(start, block, payload[end:])
        yield with_tlvs(start, tlv(7, claiming(credential_in(payload))), payload[end:])
        yield start[: layout.SIZE] + bytes(layout.MAX_SIZE)
    yield payload[:3]
    yield payload[:3] + DEEP


def instead(payload: bytes, _sent: bytes) -> bytes:
    return payload


def credential_in(payload: bytes) -> bytes:
    at = payload.find(b"\xc7\x01")
    return payload[at : at + int.from_bytes(payload[at + 2 : at + 4], "big")] if at > 0 else bytes(300)


def claiming(raw: bytes) -> bytes:
    """Return a credential with claims that nobody signed: nested as deep as they may be long."""
    claims = b"\x91" * 3000
    made = raw[: -64 - 2] + len(claims).to_bytes(2, "big") + claims + raw[-64:]
    return made[:2] + len(made).to_bytes(2, "big") + made[4:]


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.mark.parametrize("calls", [0, 3], ids=["of a stranger", "in a session"])
async def test_no_bomb_in_a_request_is_decoded_or_given_the_room_it_asks_for(wire: Wire, calls: int) -> None:
    await met(wire, calls)
    caught = await wire.catch()
    for payload in bombs(caught.payload):
        frame = Frame(caught.subject, payload, caught.reply)
        with watched() as decoded:
            assert wire.ran([frame]) == 0
        assert decoded == []
        assert cost(partial(wire.ran, [frame])) < 3 * len(payload) + SLACK
    with watched() as decoded:
        assert wire.ran([caught]) == 1
    assert calls or decoded == [], "this call says nothing beside its body"


async def test_what_a_member_sealed_is_decoded_after_it_was_opened(wire: Wire) -> None:
    made = a_request()
    made.metadata = {"a": "b"}
    caught = await wire.catch(made)
    with watched() as decoded:
        assert wire.ran([caught]) == 1
    assert decoded == ["unpack_request"], "the watch sees what it is to see"


async def test_no_bomb_outside_of_a_seal_is_decoded_where_all_is_sealed(wire: Wire) -> None:
    caught = await wire.catch()
    plain = [envelope.pack(Envelope(Kind.REQUEST, bytes(16), metadata=each[:0xFFFF], body=each)) for each in LISTS]
    for payload in (*plain, *LISTS, b"[" * 900_000, b'{"a":' * 100_000, b"\xe7\x01\x00" + DEEP):
        frame = Frame(caught.subject, payload, caught.reply)
        with watched() as decoded:
            assert wire.ran([frame]) == 0
        assert decoded == []
        assert cost(partial(wire.ran, [frame])) < 3 * len(payload) + SLACK


async def test_no_bomb_in_a_reply_is_decoded(wire: Wire) -> None:
    for payload in bombs(await wire.reply()):
        with watched() as decoded:
            assert not await wire.believed(partial(instead, payload))
        assert decoded == []


def test_no_bomb_in_an_event_is_decoded() -> None:
    vouching = Vouching()
    web, stock = a_link(vouching, "web", "k7q2mzp4x3ab"), a_link(vouching, "stock", "m7q2mzp4x3ac")
    event = web.events.pack(an_event())

    def opening(payload: bytes) -> None:
        with pytest.raises(EnvelopeFault):
            stock.events.open(payload, "orders.created", time.time(), time.monotonic())

    for payload in (*(each + bytes(layout.SIGNATURE) for each in bombs(event)), *LISTS):
        with watched() as decoded:
            opening(payload)
        assert decoded == []
        assert cost(partial(opening, payload)) < 3 * len(payload) + 4 * SLACK
