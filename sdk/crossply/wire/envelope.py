"""The binary envelope, version 1: header, ascending TLVs, metadata and body.

The header has 52 bytes under suite 0x00, and 92 where kid and enc say which keys a message is sealed with.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from crossply.errors import PayloadTooLarge
from crossply.handler import Kind

MAGIC, VERSION = 0xE7, 1
UNSEALED = 0x00
MAX_TLVS = 4096

CONTENT_TYPE, TRACEPARENT, TRACESTATE, OPERATION, IN_REPLY_TO = 1, 2, 3, 4, 5
SCHEMA, CREDENTIAL, ATTEMPT, REPLY_SUBJECT, STREAM = 6, 7, 8, 9, 10
_CRITICAL_BELOW = 0x80

_HEADER = struct.Struct(">6BH8s8s32sQQI16s")
_TLV = struct.Struct(">BH")
_LENGTH = struct.Struct(">H")
_UNSEALED_HEADER = struct.Struct(">3sBHH8sQQI16s")
_BEGIN = bytes((MAGIC, VERSION, UNSEALED))
UNSEALED_SIZE = _UNSEALED_HEADER.size
_SHORTEST = UNSEALED_SIZE + 2
_KINDS = {int(kind): kind for kind in Kind}


class EnvelopeFault(ValueError):
    """The bytes are not an envelope of this version."""


class NotYetReadable(EnvelopeFault):
    """An event whose keys this process has not got, or not yet: it may come again."""


@dataclass(slots=True, eq=False)
class Envelope:
    """The parts of an envelope. ``iat`` is unix milliseconds, ``ttl`` milliseconds, ``mid`` 16 random bytes."""

    kind: Kind
    mid: bytes
    suite: int = UNSEALED
    flags: int = 0
    cid: bytes = bytes(8)
    kid: bytes = bytes(8)
    enc: bytes = bytes(32)
    seq: int = 0
    iat: int = 0
    ttl: int = 0
    tlvs: dict[int, bytes] = field(default_factory=dict[int, bytes])
    metadata: bytes = b""
    body: bytes = b""

    def text(self, tlv: int) -> str | None:
        """Return a TLV as text, ``None`` when it is absent; raise ``EnvelopeFault`` when it is not UTF-8."""
        return text(self.tlvs.get(tlv))


def is_envelope(payload: bytes) -> bool:
    """Tell an envelope from any other payload: 0xE7 and a byte below 0x80 cannot begin UTF-8 text."""
    return len(payload) > 1 and payload[0] == MAGIC and payload[1] < _CRITICAL_BELOW


def tlv(kind: int, value: bytes) -> bytes:
    """Return one TLV."""
    return _TLV.pack(kind, len(value)) + value


def text_tlv(kind: int, said: str) -> bytes:
    """Return one TLV of text; raise ``PayloadTooLarge`` when it cannot stand in an envelope."""
    value = said.encode()
    if len(value) > MAX_TLVS:
        raise PayloadTooLarge(
            f"a field of {len(value)} bytes is above the limit of {MAX_TLVS}: {said[:40]!r}...; send it in the body"
        )
    return tlv(kind, value)


def pack_unsealed(kind: Kind, tlvs: int, cid: bytes, seq: int, iat: int, ttl: int, mid: bytes) -> bytes:
    """Return the 52 bytes of header under suite 0x00; ``tlvs`` is the length of the block that follows."""
    return _UNSEALED_HEADER.pack(_BEGIN, kind, 0, tlvs, cid, seq, iat, ttl, mid)


def pack_header(envelope: Envelope) -> bytes:
    """Return header and TLVs: what every suite authenticates."""
    block = b"".join(tlv(kind, value) for kind, value in sorted(envelope.tlvs.items()))
    if envelope.suite == UNSEALED:
        seq, iat, ttl, mid = envelope.seq, envelope.iat, envelope.ttl, envelope.mid
        return pack_unsealed(envelope.kind, len(block), envelope.cid, seq, iat, ttl, mid) + block
    return (
        _HEADER.pack(
            MAGIC,
            VERSION,
            envelope.suite,
            envelope.kind,
            envelope.flags,
            0,
            len(block),
            envelope.cid,
            envelope.kid,
            envelope.enc,
            envelope.seq,
            envelope.iat,
            envelope.ttl,
            envelope.mid,
        )
        + block
    )


def pack(envelope: Envelope) -> bytes:
    """Return the wire form under suite 0x00."""
    return b"".join((pack_header(envelope), _LENGTH.pack(len(envelope.metadata)), envelope.metadata, envelope.body))


class Parts(NamedTuple):
    """What an envelope consists of; ``tlvs`` by their type, ``None`` where one is absent, ``length`` of them all."""

    kind: Kind
    cid: bytes
    seq: int
    iat: int
    ttl: int
    mid: bytes
    tlvs: list[bytes | None]
    metadata: bytes
    body: bytes
    length: int


def parts(payload: bytes) -> Parts:
    """Return the parts; raise ``EnvelopeFault`` for anything that is not exactly an envelope of suite 0x00."""
    length = len(payload)
    if length < _SHORTEST:
        raise EnvelopeFault(f"envelope is too short: {length} bytes")
    header: tuple[bytes, int, int, int, bytes, int, int, int, bytes] = _UNSEALED_HEADER.unpack_from(payload)
    begin, kind, reserved, hlen, cid, seq, iat, ttl, mid = header
    if begin != _BEGIN or reserved:
        raise _unknown(begin)
    at, end = UNSEALED_SIZE, UNSEALED_SIZE + hlen
    if hlen > MAX_TLVS or end + 2 > length:
        raise EnvelopeFault("envelope ends inside its TLVs")
    body = end + 2 + (payload[end] << 8 | payload[end + 1])
    if body > length:
        raise EnvelopeFault("envelope ends inside its metadata")
    known = _KINDS.get(kind)
    if known is None:
        raise EnvelopeFault(f"envelope has unknown kind {kind}")
    found = read_tlvs(payload, at, end)
    return Parts(known, cid, seq, iat, ttl, mid, found, payload[end + 2 : body], payload[body:], hlen)


def read_tlvs(payload: bytes, at: int, end: int) -> list[bytes | None]:
    """Return the TLVs between two offsets by their type; raise ``EnvelopeFault`` for what is no block of them."""
    tlvs: list[bytes | None] = [None] * (STREAM + 1)
    last = 0
    while at < end:
        if at + 3 > end:
            raise EnvelopeFault("envelope ends inside a TLV")
        kind = payload[at]
        start = at + 3
        at = start + (payload[at + 1] << 8 | payload[at + 2])
        if kind <= last or at > end:
            raise EnvelopeFault(f"TLV {kind} is out of order, repeated or too long")
        if kind <= STREAM:
            tlvs[kind] = payload[start:at]
        elif kind < _CRITICAL_BELOW:
            raise EnvelopeFault(f"TLV {kind} is critical and not known")
        last = kind
    return tlvs


def unpack(payload: bytes) -> Envelope:
    """Return the envelope; raise ``EnvelopeFault`` as ``parts`` does."""
    kind, cid, seq, iat, ttl, mid, found, metadata, body, _ = parts(payload)
    tlvs = {kind: value for kind, value in enumerate(found) if value is not None}
    return Envelope(kind, mid, cid=cid, seq=seq, iat=iat, ttl=ttl, tlvs=tlvs, metadata=metadata, body=body)


def text(tlv: bytes | None) -> str | None:
    """Return a TLV as text, ``None`` when it is absent; raise ``EnvelopeFault`` when it is not UTF-8."""
    if tlv is None:
        return None
    try:
        return tlv.decode()
    except UnicodeDecodeError as error:
        raise EnvelopeFault(f"a TLV is not UTF-8: {error}") from error


def _unknown(begin: bytes) -> EnvelopeFault:
    magic, version, suite = begin
    if magic != MAGIC or version != VERSION:
        return EnvelopeFault(f"envelope has version {version}; this side speaks {VERSION}")
    if suite != UNSEALED:
        return EnvelopeFault(f"envelope has suite 0x{suite:02x}; this side opens 0x{UNSEALED:02x} only")
    return EnvelopeFault("envelope has reserved bits set")
