"""Credentials that no honest authority would sign: the signature is right, what it is over is not."""

from __future__ import annotations

import random
import struct
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.support.forging import mutated

_LABEL: Final = b"crossply-cred-v1\0"
_SIGNATURE: Final = 64
_NAMES: Final = 4 + 8 + 8 + 8 + 16 + 32 + 32
_FIELDS: Final = {
    "magic": (0, 1),
    "version": (1, 2),
    "issuer": (4, 12),
    "begins": (12, 20),
    "ends": (20, 28),
    "serial": (28, 44),
    "signs": (44, 76),
    "seals": (76, 108),
}
_SMALL: Final = (bytes(32), b"\x01" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xff" * 32)
_WORDS: Final = (
    b"", b"web", b"\xff\xfe", b"spiffe://other/t/default/svc/web", b"spiffe://mesh.local/t/other/svc/web",
    b"spiffe://mesh.local/t/default/svc/Web", b"spiffe://mesh.local/t/default/svc/web", b"k7q2mzp4x3ab", b"UPPER",
    b"x" * 300,
)  # fmt: skip


def forged(raw: bytes, authority: Ed25519PrivateKey, chance: random.Random) -> bytes:
    """Return a credential with something changed; signed anew in three of four."""
    if chance.random() < 0.25:
        return mutated(raw, chance)
    body = bytearray(raw[:-_SIGNATURE])
    match chance.randrange(5):
        case 0:
            start, end = chance.choice([*_FIELDS.values()])
            small = chance.choice(_SMALL)
            body[start:end] = chance.choice((bytes(end - start), chance.randbytes(end - start), small[: end - start]))
        case 1:
            body[_NAMES:] = b"".join(_lp(chance.choice(_WORDS)) for _ in range(chance.choice((2, 3, 3, 3, 4))))
        case 2:
            body[_NAMES:] = chance.randbytes(chance.randrange(40))
        case 3:
            body[:] = mutated(bytes(body), chance)
        case _:
            names = _lp(_WORDS[6]) + _lp(_WORDS[7])
            body[_NAMES:] = names + _lp(
                chance.choice((b"\x80", b"\x81\xa1a\xa1b", b"\xff", b"\x81\xa1a\x01", b"\x91\x91"))
            )
    if chance.random() < 0.9:
        body[2:4] = struct.pack(">H", (len(body) + _SIGNATURE) & 0xFFFF)
    return bytes(body) + authority.sign(_LABEL + bytes(body))


def _lp(value: bytes) -> bytes:
    return struct.pack(">H", len(value)) + value
