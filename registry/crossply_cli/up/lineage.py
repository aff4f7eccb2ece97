"""Which process a number means: a pid is given again, a pid with its start is not."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_STATE, _START = 0, 19  # fields 3 and 22 of /proc/PID/stat, counted after the name
_BEAT: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A child as a run wrote it down; `started` is opaque, and equal for the same process only."""

    name: str
    pid: int
    started: str

    def lives(self) -> bool:
        """Say whether that very process still runs."""
        return started(self.pid) == self.started


def started(pid: int) -> str | None:
    """Return what tells a process from others that had or will have its pid; None when it does not run."""
    if (_PROC / "self").exists():
        return _from_proc(pid)
    answer = subprocess.run(["/bin/ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip() or None


def end(processes: list[Recorded], grace: float) -> list[Recorded]:
    """End those that still live: asked first, killed with their groups after `grace` seconds; return them."""
    living = [each for each in processes if each.lives()]
    for each in living:
        _signal(each, signal.SIGTERM)
    deadline = time.monotonic() + grace
    while any(each.lives() for each in living) and time.monotonic() < deadline:
        time.sleep(_BEAT)
    for each in living:
        if each.lives():
            _signal(each, signal.SIGKILL)
    return living


def _from_proc(pid: int) -> str | None:
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return None
    return None if fields[_STATE] in "ZX" else f"{boot}/{fields[_START]}"


def _signal(process: Recorded, number: int) -> None:
    # Each child leads a process group of its own, so its children are reached as well.
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        return
