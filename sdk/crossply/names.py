"""Names that an instance makes for itself: its id, and ids of calls and traces."""

from __future__ import annotations

import os
import secrets

_ID, _AT_ONCE = 16, 512
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


def new_instance() -> str:
    """Return a new instance id: 12 random characters of ``[a-z2-7]``."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(12))


class Ids:
    """Random ids, cut from bytes that were asked for at once: asking the system is what an id costs."""

    def __init__(self) -> None:
        self._bytes = b""
        self._at = 0
        # Two processes must never cut the same ids from the same bytes.
        os.register_at_fork(after_in_child=self._drop)

    def _drop(self) -> None:
        self._bytes, self._at = b"", 0

    def __call__(self) -> bytes:
        """Return 16 random bytes: a call's or an event's id."""
        at = self._at
        made = self._bytes[at : at + _ID]
        if len(made) < _ID:
            self._bytes, at = os.urandom(_ID * _AT_ONCE), 0
            made = self._bytes[:_ID]
        self._at = at + _ID
        return made


new_id = Ids()
"""Returns 16 random bytes: a call's or an event's id."""
