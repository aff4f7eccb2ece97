"""Children that end with the test run, however it ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Final

_SET_PARENT_DEATH_SIGNAL: Final = 1


def leashed(*argv: str) -> list[str]:
    """Return the command line that runs ``argv`` as a child which Linux kills once this process is gone."""
    return [sys.executable, "-IS", str(Path(__file__).resolve()), str(os.getpid()), *argv]


def main(parent: int, argv: list[str]) -> None:
    """Become the program."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(argv[0], argv)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
