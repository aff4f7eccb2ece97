"""One mesh at a time starts on this machine: two would choose the same ports and take each other's parts for theirs."""

from __future__ import annotations

import asyncio
import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from typing import Self

    from crossply_cli.up.lines import Lines

_LOOK: Final = 0.1
_LONGEST: Final = 60.0
"""As long as a start may take; whoever takes longer does not stop the others."""


def place() -> Path:
    """Return the file whose lock is the turn of this user's meshes."""
    return Path(tempfile.gettempdir(), f"crossply-up-{os.getuid()}.lock")


class Turn:
    """Held from before the ports are chosen until all are listened on; the kernel lets go of a dead holder's."""

    def __init__(self, lock: int | None) -> None:
        self._lock = lock

    @classmethod
    async def take(cls, path: Path, stop: asyncio.Event, lines: Lines) -> Self:
        """Wait for the others; not after ``stop``, and not where no lock can be had."""
        try:
            lock = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            lines.say(
                f"{path} cannot be locked ({error.strerror}): two meshes that start at once may choose the same ports"
            )
            return cls(None)
        until = asyncio.get_running_loop().time() + _LONGEST
        said = False
        while not _locked(lock) and not stop.is_set() and asyncio.get_running_loop().time() < until:
            if not said:
                lines.say("another mesh is just starting on this machine: waiting until it has its ports")
                said = True
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK)
        return cls(lock)

    def release(self) -> None:
        """Let the next one start."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
