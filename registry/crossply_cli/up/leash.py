"""Become a program that ends with its parent: python -IS leash.py PARENT PROGRAM [ARGUMENT...]."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Final

_SET_PARENT_DEATH_SIGNAL: Final = 1


def main(parent: int, program: list[str]) -> None:
    """Replace this process by the program; Linux kills it once its parent is gone."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it went away before the kernel was asked to watch it
        sys.exit(1)
    os.execv(program[0], program)  # noqa: S606 - no shell is what is wanted


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
