"""Which sequences of a session have been seen."""

from __future__ import annotations

import threading
from typing import Final

SIZE: Final = 1024
_PLACE: Final = SIZE - 1
_BEYOND: Final = 1 << 64


class ReplayWindow:
    """The newest 1,024 sequences of a session, each accepted once; older ones are refused, seen or not.

    As in IPsec (RFC 4303, section 3.4.3). It belongs to the instance: whichever connection brings a message, it is here
    that it was seen before. ``newest`` is the latest time at which an accepted message was sealed, in milliseconds.
    """

    __slots__ = ("_lock", "_newest", "_seen", "_top")

    def __init__(self, newest: int) -> None:
        self._top = -1
        self._seen = bytearray(SIZE)  # a ring: the place of a sequence is its last ten bits
        self._newest = newest
        self._lock = threading.Lock()

    def accept(self, sequence: int, sealed: int) -> bool:
        """Return whether a sequence is new, and remember it; of several threads, one is told so."""
        lock, seen, place = self._lock, self._seen, sequence & _PLACE
        lock.acquire()  # half of what `with` costs, and this is done for every message
        try:
            ahead = sequence - self._top
            if ahead > 0:
                if ahead > 1:
                    self._clear(ahead - 1)
                self._top = sequence
            elif ahead <= -SIZE or seen[place]:
                return False
            seen[place] = 1
            if sealed > self._newest:  # noqa: PLR1730 - a call to `max` costs as much as the window
                self._newest = sealed
            return True
        finally:
            lock.release()

    def expire(self, before: int) -> bool:
        """Accept nothing more, if all that was accepted was sealed earlier; return whether that is so."""
        with self._lock:
            if self._newest >= before:
                return False
            self._top = _BEYOND
            return True

    def _clear(self, skipped: int) -> None:
        """Forget what was at the places of the sequences that were skipped."""
        start = self._top + 1 & _PLACE
        end = start + min(skipped, SIZE)
        self._seen[start : min(end, SIZE)] = bytes(min(end, SIZE) - start)
        self._seen[: max(end - SIZE, 0)] = bytes(max(end - SIZE, 0))
