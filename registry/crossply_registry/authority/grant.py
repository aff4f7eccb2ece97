"""The grant of a mesh for development: a secret by which whoever may read this machine's files joins as any service."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

import msgspec

PREFIX: Final = "crossply_grant_"
_LABEL: Final = b"crossply-grant-v1\0"


class Grant(msgspec.Struct, frozen=True):
    """What the authority keeps of it: the hash of 256 random bits, so nothing slow is needed."""

    hash: bytes

    def accepts(self, text: str) -> bool:
        """Return whether the text is the grant."""
        return hmac.compare_digest(self.hash, _digest(text))


def new_grant() -> tuple[Grant, str]:
    """Return a grant, and its text, which is kept where services look for it."""
    text = f"{PREFIX}{secrets.token_hex(32)}"
    return Grant(_digest(text)), text


def _digest(text: str) -> bytes:
    return hashlib.sha256(_LABEL + text.encode()).digest()
