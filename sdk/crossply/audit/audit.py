"""Where decisions are told, and wait until they are taken to the audit stream."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossply.audit.entry import Entry

_MOST: Final = 10_000


class Audit:
    """Keeps entries in their order, at most ``most``: what finds no room is dropped and counted, never waited for."""

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._entries: deque[Entry] = deque()
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many entries nobody has taken yet."""
        return len(self._entries)

    def tell(self, entry: Entry) -> None:
        """Note what was decided; cheap, and it raises nothing."""
        if len(self._entries) >= self._most:
            self.dropped += 1
        else:
            self._entries.append(entry)

    def take(self, most: int) -> list[Entry]:
        """Return the oldest entries, ``most`` at most; they are not here any more."""
        entries = self._entries
        return [entries.popleft() for _ in range(min(most, len(entries)))]
