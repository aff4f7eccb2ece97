"""The key-encryption key: under it, private keys lie on disks and in the store, and what lies there is authentic."""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VARIABLE: Final = "CROSSPLY_AUTHORITY_KEK"
FILE_VARIABLE: Final = "CROSSPLY_AUTHORITY_KEK_FILE"

_MAC_LABEL: Final = b"crossply-state-v1"
_MAGIC: Final = b"\xc7K\x01"
_NONCE: Final = 12
_is_key: Final = re.compile(r"[0-9a-fA-F]{64}").fullmatch


class KekFault(ValueError):
    """There is no such key, or it does not open what it should."""


class Kek:
    """AES-256-GCM; the context is bound, so that what was sealed for one place opens in no other."""

    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._mac_key = hmac.digest(key, _MAC_LABEL, "sha256")

    def seal(self, plain: bytes, context: str) -> bytes:
        """Return the ciphertext, under a fresh random nonce: a KEK seals a few keys, far from 2^32."""
        nonce = secrets.token_bytes(_NONCE)
        return _MAGIC + nonce + self._aead.encrypt(nonce, plain, context.encode())

    def mac(self, body: bytes, context: str) -> bytes:
        """Return 32 bytes that only a holder of this key can make for a body in a context."""
        return hmac.digest(self._mac_key, context.encode() + b"\0" + body, "sha256")

    def open(self, sealed: bytes, context: str) -> bytes:
        """Return what was sealed for this context; raise KekFault."""
        if not sealed.startswith(_MAGIC):
            raise KekFault(f"{context} is not sealed by a key-encryption key")
        nonce, ciphertext = sealed[3 : 3 + _NONCE], sealed[3 + _NONCE :]
        try:
            return self._aead.decrypt(nonce, ciphertext, context.encode())
        except InvalidTag as error:
            raise KekFault(f"{context} does not open: it was sealed under another key-encryption key") from error


def new() -> str:
    """Return the text of a fresh key, as files and variables hold it."""
    return secrets.token_hex(32)


def read(environ: Mapping[str, str], beside: Path | None = None) -> Kek:
    """Return the key of the environment, of the file it names, or of a file beside the state; raise KekFault."""
    if text := environ.get(VARIABLE, ""):
        return _key(text, VARIABLE)
    path = Path(environ[FILE_VARIABLE]) if environ.get(FILE_VARIABLE) else beside
    if path is None:
        raise KekFault(f"there is no key-encryption key; set {VARIABLE} or {FILE_VARIABLE}")
    try:
        return _key(path.read_text(encoding="ascii"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise KekFault(f"cannot read the key-encryption key: {error}; set {VARIABLE} or {FILE_VARIABLE}") from error


def _key(text: str, place: str) -> Kek:
    if not _is_key(text.strip()):
        raise KekFault(f"{place} does not hold 64 hexadecimal digits")
    return Kek(bytes.fromhex(text.strip()))
