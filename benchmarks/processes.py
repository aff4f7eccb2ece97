"""The programs that a benchmark starts: what each says, and its end."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, NoReturn, Self, TypeVar

T = TypeVar("T")

DRAINED_WITHIN = 10.0
BLAMED_WITHIN = 0.5


class Ended(Exception):
    """A program ended, or kept silent, when it should have gone on; the message has its last words."""


class Program:
    """A running process; the first line that ``word`` is found in is the one that is waited for.

    By default it has a process group of its own, and what it started ends with it. With ``own_group=False`` it
    belongs to whoever starts it, also when that one is killed.
    """

    def __init__(self, name: str, process: Process, word: str, *, own_group: bool) -> None:
        self.name = name
        self._process = process
        self._word = re.compile(word)
        self._own_group = own_group
        self._last: deque[str] = deque(maxlen=10)
        self._heard: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, name: str, *command: str, word: str, own_group: bool = True) -> Self:
        """Start ``command``; ``name`` is what messages call it."""
        process = await asyncio.create_subprocess_exec(
            *command, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=own_group
        )
        return cls(name, process, word, own_group=own_group)

    async def said(self, within: float) -> str:
        """Return the line that is waited for; raise ``Ended`` if it does not come ``within`` these seconds."""
        try:
            return await asyncio.wait_for(asyncio.shield(self._heard), within)
        except TimeoutError:
            raise Ended(self._with_last_words(f"{self.name} was not heard of within {within:g} s")) from None

    async def over(self) -> NoReturn:
        """Wait until the program ends, and raise ``Ended``."""
        await self._process.wait()
        await asyncio.wait([self._reading], timeout=BLAMED_WITHIN)
        raise self._ended()

    async def aclose(self) -> None:
        """Ask it to end and wait for that; kill it, and whatever is left of its group, if it does not."""
        try:
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), DRAINED_WITHIN)
        finally:
            self._signal(signal.SIGKILL)
            self._reading.cancel()
            self._heard.cancel()
        await self._process.wait()

    async def _read(self) -> None:
        if self._process.stdout is not None:
            async for raw in self._process.stdout:
                line = raw.decode(errors="replace").rstrip()
                self._last.append(line[:200])
                if self._word.search(line) and not self._heard.done():
                    self._heard.set_result(line)
        await self._process.wait()
        if not self._heard.done():
            self._heard.set_exception(self._ended())

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            if self._own_group:
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)

    def _ended(self) -> Ended:
        return Ended(self._with_last_words(f"{self.name} ended with {self._process.returncode}"))

    def _with_last_words(self, what: str) -> str:
        return "\n    ".join([what, *self._last])


async def while_running(programs: Sequence[Program], waiting: Coroutine[Any, Any, T]) -> T:
    """Return what ``waiting`` returns; raise ``Ended`` as soon as one of ``programs`` ends."""
    wanted = asyncio.create_task(waiting)
    over = [asyncio.create_task(each.over()) for each in programs]
    try:
        await asyncio.wait([wanted, *over], return_when=asyncio.FIRST_COMPLETED)
        if wanted.done() and wanted.exception() is not None:  # perhaps because one of them is just ending
            await asyncio.wait(over, timeout=BLAMED_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        for each in over:
            if each.done():
                each.result()
        return wanted.result()
    finally:
        for task in (wanted, *over):
            task.cancel()
        await asyncio.gather(wanted, *over, return_exceptions=True)
