"""Messages that only a member can make and no honest one does: every tag is right, and what it is over is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from crossply.handler import Kind
from crossply.seal import layout
from crossply.seal.schedule import lp, to_sign
from crossply.seal.session import Session
from crossply.wire import envelope
from crossply.wire.envelope import tlv

_LENGTHS: Final = (0, 1, 2, 16, 18, 91, 92, 0x7FFF, 0xFFFF)
_NOISE: Final = (b"", b"\0", b"\xff\xfe", b"quote", b"\xc3\x28", "ü".encode(), b"x" * 300)
_TRACE: Final = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_KEYS: Final = (
    "baggage", "metadata", "key", "idempotency_key", "path", "headers", "idempotent", "stream", "schema", "status",
    "code", "executed", "message", "retry_after_ms", "rule", "trace_id", "details", "other",
)  # fmt: skip
_VALUES: Final[tuple[object, ...]] = (
    None, True, False, 0, -1, 2**63, 1.5, "", "x", "no", "yes", "maybe", "unavailable", "internal", b"\xff",
    {"a": "b"}, {"a": 1}, {1: "b"}, [["/a", "why"]], [["/a"]], [1], {"a": {"b": None}}, "y" * 2000,
)  # fmt: skip
REQUESTS: Final[tuple[dict[str, object], ...]] = (
    {},
    {"baggage": {"a": "b"}, "key": "k", "idempotency_key": "i"},
    {"path": "/a", "headers": [["a", "b"]]},
    {"path": "/a"},
)
"""What a request may say beside its body."""
REPLIES: Final[tuple[dict[str, object], ...]] = (
    {},
    {},
    {"idempotent": True, "stream": False, "schema": "s"},
    {"idempotent": True, "schema": "s" * 100},
    {"metadata": {"a": "b"}},
    {"status": 200},
    {"headers": [["a", "b"]]},
)
"""What a reply may say beside its body."""
ERRORS: Final[tuple[dict[str, object], ...]] = (
    {"code": "unavailable", "executed": "no", "message": "m", "retry_after_ms": 10},
    {"code": "aborted", "executed": "yes", "details": [["/a", "why"]], "trace_id": "t", "status": 409},
    {"code": "aborted", "executed": "no", "message": "orders.quote: no"},
    {"code": "overloaded", "executed": "never", "rule": "r"},
    {"code": "need_credential"},
    {"code": "ok", "executed": "no"},
    {},
)
"""What an error may say of itself."""


@dataclass(slots=True)
class Message:
    """What is sealed, before it is: any part of it may be wrong."""

    kind: int
    subject: bytes
    iat: int
    ttl: int
    mid: bytes
    tlvs: list[tuple[int, bytes]]
    metadata: bytes = b""
    body: bytes = b"hello"
    begin: bytes = b""
    flags: int = 0
    seq: int | None = None
    ids: dict[str, bytes] = field(default_factory=dict[str, bytes])
    block: bytes | None = None
    hlen: int | None = None
    said: int | None = None
    signature: bytes | None = None

    def sealed(self, held: Session) -> bytes:
        """Return it as it travels, its tag and its signature made by a session over all that it is."""
        own: Any = held  # what a session keeps to itself, its member has
        block = b"".join(tlv(kind, value) for kind, value in self.tlvs) if self.block is None else self.block
        seq = own.next() if self.seq is None else self.seq
        kept: bytes = own._ids
        ids = b"".join(self.ids.get(name, kept[part]) for name, part in _IDS.items())
        hlen = len(block) if self.hlen is None else self.hlen
        head = layout.HEADER.pack(
            self.begin or own._begin, self.kind, self.flags, hlen, ids, seq, self.iat, self.ttl, self.mid
        )
        aad = head + block + lp(self.subject) + own._names
        said = len(self.metadata) if self.said is None else self.said
        content = said.to_bytes(2, "big") + self.metadata + self.body
        ciphertext = own._aead.encrypt((own._base ^ seq & (1 << 96) - 1).to_bytes(12, "big"), content, aad)
        sign = own._sign
        signature: bytes = b"" if sign is None else self.signature or sign.sign(to_sign(aad, ciphertext))
        return b"".join((head, block, ciphertext, signature))


_IDS: Final = {"cid": slice(0, 8), "kid": slice(8, 16), "enc": slice(16, 48)}
Change = Callable[[Message, random.Random], None]


def wrong(message: Message, chance: random.Random) -> Message:
    """Return a message with one to three things changed, or none of them, as honest ones come between."""
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3))):
        chance.choice(CHANGES)(message, chance)
    return message


def _head(message: Message, chance: random.Random) -> None:
    now = message.iat
    match chance.randrange(9):
        case 0:
            message.kind = chance.choice((*Kind, 0, 6, 10, 255))
        case 1:
            message.iat = chance.choice(
                (0, max(0, now - 6000), min(now + 6000, 2**64 - 1), max(0, now - 4000), 2**64 - 1)
            )
        case 2:
            message.ttl = chance.choice((0, 1, layout.MAX_TTL, layout.MAX_TTL + 1, 2**32 - 1))
        case 3:
            message.seq = chance.choice((0, 1, 3, 5000 + chance.randrange(5000), 2**24 - 1, 2**24, 2**64 - 1))
        case 4:
            message.flags = 1 << chance.randrange(16)
        case 5:
            message.begin = bytes(
                (chance.choice((0xE7, 0xE6)), chance.choice((1, 2)), chance.choice((0, 1, 2, 17, 18)))
            )
        case 6:
            message.hlen = chance.choice(_LENGTHS)
        case 7:
            message.mid = bytes(16)
        case _:
            message.subject += chance.choice((b"", b"x", b".x"))


def _ids(message: Message, chance: random.Random) -> None:
    name = chance.choice(("cid", "kid", "enc"))
    message.ids[name] = chance.choice((bytes, chance.randbytes))(32 if name == "enc" else 8)


def _a_tlv(message: Message, chance: random.Random) -> None:
    tlvs = message.tlvs
    at = chance.randrange(len(tlvs) or 1)
    match chance.randrange(6):
        case 0:
            del tlvs[at : at + 1]
        case 1:
            tlvs[at:at] = tlvs[at : at + 1]
        case 2:
            tlvs.reverse()
        case 3:
            tlvs.append((chance.choice((10, 11, 0x7F, 0x80, 0xFE)), chance.choice(_NOISE)))
        case 4 if tlvs:
            tlvs[at] = tlvs[at][0], chance.choice((*_NOISE, tlvs[at][1] + b"x", tlvs[at][1][::-1]))
        case _:
            tlvs[:] = sorted({**dict(tlvs), **_more(chance)}.items())


def _more(chance: random.Random) -> dict[int, bytes]:
    kinds: Sequence[int] = (envelope.CONTENT_TYPE, envelope.TRACEPARENT, envelope.TRACESTATE, envelope.SCHEMA,
                            envelope.ATTEMPT, envelope.CREDENTIAL, envelope.STREAM, envelope.OPERATION)  # fmt: skip
    values = (*_NOISE, b"\x01", b"\x02", _TRACE, b"\xff" * len(_TRACE), chance.randbytes(40))
    return {chance.choice(kinds): chance.choice(values) for _ in range(chance.randint(1, 3))}


def _block(message: Message, chance: random.Random) -> None:
    whole = b"".join(tlv(kind, value) for kind, value in message.tlvs)
    message.block = chance.choice(
        (
            whole[: chance.randrange(len(whole) + 1)],
            chance.randbytes(chance.randrange(60)),
            b"\0\0\0" + whole,
            whole + b"\x90",
        )
    )


def _metadata(message: Message, chance: random.Random) -> None:
    match chance.randrange(5):
        case 0:
            message.metadata = chance.randbytes(chance.randrange(1, 40))
        case 1:
            message.metadata = b"\x81\xa4path" + b"\x91" * chance.choice((10, 4000)) + b"\xc0"
        case 2:
            message.metadata = chance.choice(
                (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", b"\xa1\xff")
            )
        case _:
            chosen = {chance.choice(_KEYS): chance.choice(_VALUES) for _ in range(chance.randint(1, 3))}
            message.metadata = msgspec.msgpack.encode(chosen)


def _likely(message: Message, chance: random.Random) -> None:
    """Give what is well made: what a decoder does with it must be reached, too."""
    chosen = chance.choice((*REQUESTS, *REPLIES, *ERRORS))
    message.metadata = msgspec.msgpack.encode(chosen)


def _content_type(message: Message, chance: random.Random) -> None:
    kind = {envelope.CONTENT_TYPE: chance.choice((b"\x01", b"\x02"))}
    message.tlvs = sorted({**dict(message.tlvs), **kind}.items())


def _length(message: Message, chance: random.Random) -> None:
    message.said = chance.choice(_LENGTHS)


def _body(message: Message, chance: random.Random) -> None:
    message.body = chance.choice((b"", chance.randbytes(chance.randrange(80)), bytes(layout.MAX_SIZE)))


def _signature(message: Message, chance: random.Random) -> None:
    message.signature = chance.choice((bytes(64), chance.randbytes(64)))


CHANGES: Final[tuple[Change, ...]] = (
    _head, _head, _ids, _a_tlv, _a_tlv, _block, _content_type, _metadata, _metadata, _likely, _length, _body,
    _signature,
)  # fmt: skip


def mutated(payload: bytes, chance: random.Random) -> bytes:
    """Return a payload with one to four of its bits, bytes, fields or ends changed; nothing is made anew."""
    changed = bytearray(payload)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) or 1)
        match chance.randrange(5):
            case 0 if changed:
                changed[at] ^= 1 << chance.randrange(8)
            case 1:
                del changed[at : at + chance.randint(1, 40)]
            case 2:
                changed[at:at] = chance.randbytes(chance.randint(1, 40))
            case 3:
                changed[at : at + 8] = chance.choice((bytes(8), b"\xff" * 8, chance.randbytes(8)))
            case _:
                del changed[at:]
    return bytes(changed)
