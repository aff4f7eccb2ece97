"""Names that an instance makes for itself: its id, and ids of calls and traces."""

from __future__ import annotations

import os
import secrets

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def new_instance() -> str:
    """Return a new instance id: 12 random characters of ``[a-z2-7]``."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


def new_id() -> bytes:
    """Return 16 random bytes: a call's or an event's id."""
    return os.urandom(16)
