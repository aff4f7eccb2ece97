"""Nkeys: the text form in which NATS names Ed25519 keys, with their kind and a checksum."""

from __future__ import annotations

import base64
import binascii
from enum import IntEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_KEY: Final = 32
_CHECKSUM: Final = 2
_LENGTH: Final = 56


class Kind(IntEnum):
    """Whose key it is; the number is the prefix of https://github.com/nats-io/nkeys, and gives the first letter."""

    ACCOUNT = 0
    SERVER = 13 << 3
    USER = 20 << 3


class NkeyFault(ValueError):
    """A text is not the nkey that it should be."""


def public(key: Ed25519PrivateKey, kind: Kind) -> str:
    """Return the text of a key's public half, such as `A...` for an account."""
    raw = bytes((kind,)) + key.public_key().public_bytes_raw()
    checksum = binascii.crc_hqx(raw, 0).to_bytes(_CHECKSUM, "little")
    return base64.b32encode(raw + checksum).decode().rstrip("=")


def opened(text: str, kind: Kind) -> Ed25519PublicKey:
    """Return the key of a text; raise NkeyFault unless it is well formed and of this kind."""
    if len(text) != _LENGTH:
        raise NkeyFault(f"an nkey has {_LENGTH} characters, not {len(text)}")
    try:
        raw = base64.b32decode(text)
    except (binascii.Error, ValueError) as error:
        raise NkeyFault("an nkey is in base32") from error
    body, checksum = raw[:-_CHECKSUM], raw[-_CHECKSUM:]
    if binascii.crc_hqx(body, 0).to_bytes(_CHECKSUM, "little") != checksum:
        raise NkeyFault("an nkey's checksum is wrong")
    if body[0] != kind:
        raise NkeyFault(f"the nkey is not of kind {kind.name.lower()}")
    return Ed25519PublicKey.from_public_bytes(body[1 : 1 + _KEY])
