"""A key by which a broker knows a user of its own configuration: for whom it asks who connects."""

from __future__ import annotations

from typing import Protocol


class Nkey(Protocol):
    """A key by which a broker knows a user of its own configuration."""

    @property
    def name(self) -> str:
        """Return the text of its public half."""
        ...

    def sign(self, nonce: bytes) -> bytes:
        """Return the signature over a nonce."""
        ...
