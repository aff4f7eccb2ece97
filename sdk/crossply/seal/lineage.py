"""Whether this is still the process that a set of keys was made in."""

from __future__ import annotations

import mmap
import os
import sys
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from crossply.seal.faults import NotOurs

_WIPE_ON_FORK: Final = 18
"""``MADV_WIPEONFORK`` of Linux 4.14, which Python does not name: a forked child finds such a page full of zeros."""


class Mark(Protocol):
    """Something whose item 0 is 1 in the process that made it, and 0 in every other."""

    def __getitem__(self, index: int, /) -> int:
        """Return 1 or 0."""
        ...


class PidMark:
    """A mark that asks for the process id: for systems that cannot wipe a page."""

    __slots__ = ("_pid",)

    def __init__(self) -> None:
        self._pid = os.getpid()

    def __getitem__(self, index: int) -> int:
        return os.getpid() == self._pid


def new_mark(*, page: bool = sys.platform == "linux") -> Mark:
    """Return a mark, in a page that the kernel wipes where it can: to look at it is no system call."""
    if not page:
        return PidMark()
    made = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        made.madvise(_WIPE_ON_FORK)
    except OSError:
        return PidMark()
    made[0] = 1
    return made


class Lineage:
    """One process's right to its keys; a forked child has none, as it would use the same keys and sequences again.

    ``severed`` is set in the child before anything else runs there, and what was handed to ``at_end`` is called.
    ``mark`` tells the same of a fork that Python was not told of, or that comes in the middle of something.
    """

    __slots__ = ("__weakref__", "_ends", "mark", "severed")

    def __init__(self) -> None:
        self._ends: list[Callable[[], None]] = []
        self.severed = False
        self.mark = new_mark()
        # The system never forgets what it was told to do at a fork: it is told of no more than a way to look.
        here = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _sever(here))

    def at_end(self, drop: Callable[[], None]) -> None:
        """Call ``drop`` in every forked child."""
        self._ends.append(drop)

    def sever(self) -> None:
        """Give up the keys."""
        self.severed = True
        for drop in self._ends:
            drop()


def not_ours() -> NotOurs:
    """Return the error for keys that belong to another process."""
    return NotOurs("these keys belong to the process that forked this one; start the mesh after the fork")


def never_copied(what: object) -> TypeError:
    """Return the error for a copy or a pickle of what holds keys and sequences."""
    return TypeError(
        f"{type(what).__name__} is never copied or pickled: the copy would use the same keys and sequences again;"
        " make another from keys of its own"
    )


def _sever(here: Callable[[], Lineage | None]) -> None:
    lineage = here()
    if lineage is not None:
        lineage.sever()
