"""A program in a process of its own, for tests that kill it, pause it or ask it to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from tests.support.leashed import leashed
from tests.support.waiting import eventually

WORKER: Final = Path(__file__).with_name("worker.py")
_READY_WITHIN: Final = 20.0


class Program:
    """One child Python process; ``directory`` takes its log and what it says of its state."""

    def __init__(self, directory: Path, *arguments: str, environ: Mapping[str, str]) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        outer = {name: value for name, value in os.environ.items() if not name.startswith("CROSSPLY_")}
        with (directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                leashed(sys.executable, "-P", *arguments),
                cwd=directory,
                env={**outer, "PYTHONUNBUFFERED": "1", "CROSSPLY_STATE": str(directory), **environ},
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        """What it wrote so far, to stdout and stderr."""
        return (self.directory / "log").read_text(errors="replace")

    @property
    def code(self) -> int | None:
        """Its exit code, ``None`` while it runs."""
        return self._process.poll()

    def state(self, service: str) -> dict[str, Any] | None:
        """Return what a mesh of that service said of itself last."""
        try:
            said: dict[str, Any] = msgspec.json.decode((self.directory / f"{service}.json").read_bytes())
        except FileNotFoundError:
            if self.code is not None:
                raise AssertionError(f"{service} ended with {self.code}: {self.log}") from None
            return None
        return said

    async def ready(self, service: str) -> str:
        """Wait until it serves, and return its instance."""
        said: dict[str, Any] = await eventually(lambda: self.state(service), _READY_WITHIN)
        return str(said["instance"])

    def kill(self) -> None:
        """Kill it as a crash would."""
        self._process.kill()

    def terminate(self) -> None:
        """Ask it to stop."""
        self._process.terminate()

    def pause(self) -> None:
        """Stop it from running, with its connection open."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run on."""
        self._process.send_signal(signal.SIGCONT)

    async def ended(self, within: float = 10.0) -> int:
        """Wait until it has ended and return its exit code."""
        async with asyncio.timeout(within):
            while (code := self._process.poll()) is None:
                await asyncio.sleep(0.01)
        return code

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(10)
