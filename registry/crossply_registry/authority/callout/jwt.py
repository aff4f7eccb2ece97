"""The JSON web tokens that NATS uses: three parts, one algorithm, signed by an nkey that the token itself names."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply_registry.authority.callout.nkeys import Kind, NkeyFault, opened, public

T = TypeVar("T", bound="Claims")

LONGEST: Final = 256 * 1024
_PARTS: Final = 3
_HEADER: Final = b'{"typ":"JWT","alg":"ed25519-nkey"}'


class Claims(msgspec.Struct, frozen=True):
    """What every token says; times are unix seconds."""

    iss: str
    sub: str
    aud: str = ""
    exp: int = 0


class _Header(msgspec.Struct, frozen=True):
    typ: str
    alg: str


class JwtFault(ValueError):
    """A token is not one that its issuer signed."""


class Signer:
    """Signs as one account."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.name = public(key, Kind.ACCOUNT)
        self._head = _coded(_HEADER) + b"."

    def sign(self, claims: Mapping[str, Any], now: float) -> str:
        """Return the token of some claims, made now."""
        said = {**claims, "iss": self.name, "iat": int(now)}
        # Its id is the hash of what it says, as NATS's own tokens have it; nothing reads it.
        said["jti"] = base64.b32encode(hashlib.sha256(msgspec.json.encode(said)).digest()).decode().rstrip("=")
        body = self._head + _coded(msgspec.json.encode(said))
        return (body + b"." + _coded(self._key.sign(body))).decode()


def verified(raw: bytes, kind: Kind, claims: type[T]) -> T:
    """Return the claims of a token if the nkey that it names, of this kind, has signed it; raise JwtFault."""
    parts = raw.split(b".")
    if len(raw) > LONGEST or len(parts) != _PARTS:
        raise JwtFault("it is no token of three parts")
    try:
        header = msgspec.json.decode(_decoded(parts[0]), type=_Header)
        said = msgspec.json.decode(_decoded(parts[1]), type=claims)
        signature = _decoded(parts[2])
        key = opened(said.iss, kind)
    except (binascii.Error, msgspec.DecodeError, NkeyFault, UnicodeDecodeError) as error:
        raise JwtFault(f"it cannot be read: {error}") from error
    if header.alg != "ed25519-nkey":
        raise JwtFault("it is signed in another way than by an nkey")
    try:
        key.verify(signature, parts[0] + b"." + parts[1])
    except InvalidSignature as error:
        raise JwtFault("its signature is wrong") from error
    return said


def _coded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _decoded(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
