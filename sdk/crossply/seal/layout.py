"""The parts of a sealed message that stand in the clear, and the checks that need no key."""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

from crossply.handler import Kind
from crossply.seal.faults import Reason, SealFault
from crossply.wire import envelope
from crossply.wire.envelope import EnvelopeFault, Parts

HEADER: Final = struct.Struct(">3sBHH48sQQI16s")
"""Magic to suite, kind, flags with the reserved byte, length of TLVs, cid with kid and enc, seq, iat, ttl, mid."""
SIZE: Final = HEADER.size
START: Final = 56
"""What messages of one session, kind and length of TLVs begin with: all before the sequence."""
TAG: Final = 16
SIGNATURE: Final = 64
LEAST: Final = SIZE + 2 + TAG
"""The shortest message: no TLVs, no metadata, no body."""
KID: Final = slice(8, 16)
ENC: Final = slice(16, 48)
MESSAGES: Final = 1 << 24
"""How many messages one key seals: the order of TLS 1.3's limit for AES-GCM (RFC 8446, section 5.5)."""
SKEW: Final = 5_000
"""How far the clocks of two members may be apart, in milliseconds."""
MAX_TTL: Final = 3_600_000
MAX_CONTENT: Final = 2 + 8 * 1024 + 960 * 1024
MAX_SIZE: Final = SIZE + envelope.MAX_TLVS + MAX_CONTENT + TAG + SIGNATURE

_KINDS: Final = {int(kind): kind for kind in Kind}


Head: TypeAlias = tuple[Kind, bytes, int, int, int, bytes, int]
"""Kind, ids (cid 8, kid 8, enc 32), seq, iat, ttl, mid, where the ciphertext begins; a plain tuple is quick."""


def begin(suite: int) -> bytes:
    """Return the first three bytes of a message of that suite."""
    return bytes((envelope.MAGIC, envelope.VERSION, suite))


def read(payload: bytes, begins: bytes, shortest: int) -> Head:
    """Return the head of a message that begins as it must; raise ``SealFault`` for any other."""
    length = len(payload)
    if length < shortest or length > MAX_SIZE:
        raise SealFault(Reason.MALFORMED, f"message of {length} bytes is too short or too long to be sealed")
    found: tuple[bytes, int, int, int, bytes, int, int, int, bytes] = HEADER.unpack_from(payload)
    first, number, flags, hlen, ids, seq, iat, ttl, mid = found
    if first != begins or flags:
        raise SealFault(Reason.UNSUPPORTED, f"message begins {payload[:6].hex()}; {begins.hex()}..0000 was to come")
    kind = _KINDS.get(number)
    end = SIZE + hlen
    if kind is None or hlen > envelope.MAX_TLVS or hlen + shortest > length or seq >= MESSAGES or ttl > MAX_TTL:
        raise SealFault(Reason.MALFORMED, "message has a field that is out of its range")
    return kind, ids, seq, iat, ttl, mid, end


def read_tlvs(payload: bytes, end: int) -> list[bytes | None]:
    """Return the TLVs by their type; raise ``SealFault`` when they are out of order, repeated or not known."""
    try:
        return envelope.read_tlvs(payload, SIZE, end)
    except EnvelopeFault as fault:
        raise SealFault(Reason.MALFORMED, str(fault)) from fault


def parts(message: bytes) -> Parts:
    """Return what an unsealed message says: header and TLVs, u16 length and the metadata, the body.

    Raise ``SealFault`` when it is not so.
    """
    found: tuple[bytes, int, int, int, bytes, int, int, int, bytes] = HEADER.unpack_from(message)
    _, kind, _, hlen, ids, seq, iat, ttl, mid = found
    end = SIZE + hlen
    tlvs = read_tlvs(message, end)
    body = end + 2 + (message[end] << 8 | message[end + 1])
    if body > len(message):
        raise SealFault(Reason.MALFORMED, "message ends inside its metadata")
    return Parts(_KINDS[kind], ids[:8], seq, iat, ttl, mid, tlvs, message[end + 2 : body], message[body:], hlen)
