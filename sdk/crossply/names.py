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
    """Random ids, cut from bytes that were asked for at once: asking the system is what an id costs.

    Loops in several threads share them: ``list.pop`` gives each id to one.
    """

    def __init__(self) -> None:
        self._ready: list[bytes] = []
        # Two processes must never cut the same ids from the same bytes.
        os.register_at_fork(after_in_child=self._ready.clear)

    def __call__(self) -> bytes:
        """Return 16 random bytes: a call's or an event's id."""
        try:
            return self._ready.pop()
        except IndexError:
            made = os.urandom(_ID * _AT_ONCE)
            self._ready.extend(made[at : at + _ID] for at in range(_ID, len(made), _ID))
            return made[:_ID]


new_id = Ids()
"""Returns 16 random bytes: a call's or an event's id."""
