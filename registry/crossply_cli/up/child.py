"""One child process: started on a leash, watched, started again when it dies, ended within a grace."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from crossply_cli.failure import Failure
from crossply_cli.up import leash
from crossply_cli.up.lineage import Recorded, started

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping

_FIRST_PAUSE, _LONGEST_PAUSE, _STEADY = 0.5, 10.0, 30.0
_TAIL_LINES, _TAIL_BYTES = 6, 8192
_LONGEST_LINE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """What to run: `argv` with an absolute program, its whole environment, who takes its lines on stdout.

    A line that `lines` returns False for goes to the log, as everything on stderr does.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path
    lines: Callable[[bytes], bool] | None = None


class Watcher(Protocol):
    """Who is told what happens to a child."""

    def changed(self) -> None:
        """A child has been started or has ended."""
        ...

    def died(self, child: Child, code: int, pause: float) -> None:
        """A child ended unasked; it is started again after `pause` seconds."""
        ...

    def not_started(self, child: Child, error: OSError, pause: float) -> None:
        """A child could not be started again; it is tried once more after `pause` seconds."""
        ...


class Child:
    """Runs one program until `aclose`; `deaths` counts how often it ended unasked."""

    def __init__(self, spec: ChildSpec, watcher: Watcher) -> None:
        self.spec = spec
        self.deaths = 0
        self.last_code: int | None = None
        self._watcher = watcher
        self._process: Process | None = None
        self._recorded: Recorded | None = None
        self._closing = False
        self._keeping: asyncio.Task[None] | None = None

    @property
    def recorded(self) -> Recorded | None:
        """How a later run would recognise it; None while it does not run."""
        return self._recorded

    async def start(self) -> None:
        """Start it for the first time; its log begins anew. Raise Failure when the system does not start it."""
        try:
            self.spec.log.unlink(missing_ok=True)
            process = await self._spawn()
        except OSError as error:
            raise Failure(f"{self.spec.name} cannot be started", why=str(error)) from error
        self._keeping = asyncio.create_task(self._keep(process), name=f"keeping {self.spec.name}")

    def tail(self) -> list[str]:
        """Return the last lines of its log."""
        try:
            with self.spec.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                text = file.read().decode(errors="replace")
        except OSError:
            return []
        return text.splitlines()[-_TAIL_LINES:]

    async def aclose(self, grace: float = 2.0) -> None:
        """End it: asked first, killed with all it started after `grace` seconds."""
        self._closing = True
        if self._keeping is None:
            return
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
        else:  # between two lives
            self._keeping.cancel()
        _, late = await asyncio.wait({self._keeping}, timeout=grace)
        if late and self._process is not None:
            _kill_group(self._process.pid)
            await asyncio.wait({self._keeping})

    def kill(self) -> None:
        """Kill it and what it started, now."""
        self._closing = True
        if self._process is not None and self._process.returncode is None:
            _kill_group(self._process.pid)

    async def _keep(self, process: Process) -> None:
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            code = await self._ended(process)
            if self._closing:
                return
            self.deaths += 1
            pause = _FIRST_PAUSE if time.monotonic() - began > _STEADY else pause
            self._watcher.died(self, code, pause)
            process, pause = await self._again(pause)

    async def _again(self, pause: float) -> tuple[Process, float]:
        """Start it once more, as often as that takes; return it with the pause before the next time."""
        while True:
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            try:
                return await self._spawn(), pause
            except OSError as error:  # too many processes or files, a full disk: it may pass
                self._watcher.not_started(self, error, pause)

    async def _spawn(self) -> Process:
        with self.spec.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-IS", str(leash.__file__), str(os.getpid()), *self.spec.argv),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if self.spec.lines else log,
                stderr=log,
                env=dict(self.spec.environment),
                start_new_session=True,
                limit=_LONGEST_LINE,
            )
        self._process = process
        began = started(process.pid)
        self._recorded = Recorded(name=self.spec.name, pid=process.pid, started=began) if began else None
        self._watcher.changed()
        return process

    async def _ended(self, process: Process) -> int:
        if self.spec.lines and process.stdout:
            await self._read(process.stdout, self.spec.lines)
        self.last_code = await process.wait()
        _kill_group(process.pid)  # what it started and left behind
        self._recorded = None
        self._watcher.changed()
        return self.last_code

    async def _read(self, stream: asyncio.StreamReader, take: Callable[[bytes], bool]) -> None:
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # longer than any line that is meant for us
                continue
            if not line:
                return
            if not take(line):
                with suppress(OSError), self.spec.log.open("ab") as log:  # a full disk must not end the watch
                    log.write(line)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
