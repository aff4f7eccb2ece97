"""`crossply up` as a user runs it, in a folder of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.support.leashed import leashed

COMMAND: Final = Path(sys.executable).parent / "crossply"
_READY_WITHIN: Final = 40.0


class RunningUp:
    """One `crossply up`, with the arguments of a test; it ends with the test."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data = folder / ".crossply"
        with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
            self.process = subprocess.Popen(
                leashed(str(COMMAND), "up", *arguments), cwd=folder, env=environ(), stdout=out, stderr=err
            )

    @property
    def out(self) -> str:
        """What went to stdout so far."""
        return (self.folder / "out").read_text()

    @property
    def err(self) -> str:
        """What went to stderr so far."""
        return (self.folder / "err").read_text()

    def ready(self, said: str = "gateway http") -> dict[str, Any]:
        """Wait until a line that begins with ``said`` was printed, however it is spaced; return where the mesh is."""
        until = time.monotonic() + _READY_WITHIN
        while not any(" ".join(line.split()).startswith(said) for line in (self.out + self.err).splitlines()):
            assert self.process.poll() is None, self.out + self.err
            assert time.monotonic() < until, self.out + self.err
            time.sleep(0.02)
        where: dict[str, Any] = json.loads((self.data / "mesh.json").read_text())
        return where

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(15)

    def children(self) -> list[int]:
        """Return the processes that it started and that still run."""
        return descendants(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)


def crossply(folder: Path, *arguments: str, timeout: float = 20.0) -> subprocess.CompletedProcess[str]:
    """Run one command in a folder, and return what came of it."""
    return subprocess.run(
        [str(COMMAND), *arguments],
        cwd=folder,
        env=environ(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def environ() -> Mapping[str, str]:
    """Return this environment without what would configure a mesh."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CROSSPLY_")}
    return {**kept, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}


def descendants(pid: int) -> list[int]:
    """Return the processes below ``pid``, from /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(entry.name)] = int(parent)
    found = {pid}
    while more := {each for each, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found - {pid})


def running(pids: list[int]) -> list[int]:
    """Return those of ``pids`` that still run."""
    return [pid for pid in pids if Path(f"/proc/{pid}").exists() and "\nState:\tZ" not in _status(pid)]


def _status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "\nState:\tZ"
