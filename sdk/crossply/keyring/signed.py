"""Objects that the authority signed: each for one purpose, and believed for no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEYS: Final = "keys"
WRAPPED: Final = "wrap"
CHANGED: Final = "changed"
REGISTRY: Final = "registry"


class KeyFault(ValueError):
    """What was given as keys is not the authority's, not for this process, or older than what is held."""


class Signed(msgspec.Struct, frozen=True):
    """A body, who signed it (an ``issuer_kid``), and the Ed25519 signature."""

    issuer: bytes
    body: bytes
    signature: bytes


def label(purpose: str) -> bytes:
    """Return what stands before a body of a purpose, and a zero byte, when it is signed."""
    return f"crossply-v1\0{purpose}".encode()


def pack(issuer: bytes, body: bytes, signature: bytes) -> bytes:
    """Return an object as it lies in the store or travels."""
    return msgspec.msgpack.encode(Signed(issuer, body, signature))


def opened(
    raw: bytes, purpose: str, what: str, authorities: Mapping[bytes, Ed25519PublicKey], bound: bytes = b""
) -> bytes:
    """Return the body of an object; raise ``KeyFault``, which calls it ``what``, unless an authority signed it.

    ``bound`` is signed before the body without being in the object: what both sides know.
    """
    try:
        signed = msgspec.msgpack.decode(raw, type=Signed)
        authorities[signed.issuer].verify(signed.signature, label(purpose) + b"\0" + bound + signed.body)
    except msgspec.DecodeError as error:
        raise KeyFault(f"{what}: does not decode: {error}") from error
    except KeyError as error:
        raise KeyFault(f"{what}: is by an authority that is not known here; a new issuer? then join again") from error
    except InvalidSignature as error:
        raise KeyFault(f"{what}: was not signed by the authority; somebody else wrote it") from error
    return signed.body
