"""A child of `crossply up` that cannot be started again is said and tried again, for as long as it takes."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from crossply_cli.failure import Failure
from crossply_cli.up import child as children
from crossply_cli.up.child import Child, ChildSpec

SPAWN = asyncio.create_subprocess_exec


class Watcher:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def changed(self) -> None:
        return

    def died(self, child: Child, code: int, pause: float) -> None:
        self.said.append("died")

    def not_started(self, child: Child, error: OSError, pause: float) -> None:
        self.said.append(f"not started: {error.strerror}, {pause:g}")


class Spawns:
    """Starts processes as the system does, but for those attempts that are to fail, counted from 0."""

    def __init__(self, *failing: int) -> None:
        self._failing = failing
        self._made = 0

    async def __call__(self, *arguments: Any, **settings: Any) -> asyncio.subprocess.Process:
        self._made += 1
        if self._made - 1 in self._failing:
            raise BlockingIOError(11, "no more processes")
        return await SPAWN(*arguments, **settings)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(children, "_FIRST_PAUSE", 0.001)
    return monkeypatch


def spec(folder: Path, program: str) -> ChildSpec:
    return ChildSpec(name="registry", argv=(sys.executable, "-c", program), environment={}, log=folder / "log")


async def test_it_is_tried_again_after_a_longer_pause_each_time(tmp_path: Path, quick: pytest.MonkeyPatch) -> None:
    quick.setattr(asyncio, "create_subprocess_exec", Spawns(1, 2))
    watcher = Watcher()
    child = Child(spec(tmp_path, "raise SystemExit(1)"), watcher)
    await child.start()
    async with asyncio.timeout(10):
        while child.deaths < 2:
            await asyncio.sleep(0.01)
    await child.aclose()
    again = ["not started: no more processes, 0.002", "not started: no more processes, 0.004"]
    assert watcher.said[:4] == ["died", *again, "died"]


async def test_one_that_does_not_start_at_all_is_a_failure_and_no_traceback(
    tmp_path: Path, quick: pytest.MonkeyPatch
) -> None:
    quick.setattr(asyncio, "create_subprocess_exec", Spawns(0))
    with pytest.raises(Failure) as failed:
        await Child(spec(tmp_path, ""), Watcher()).start()
    assert failed.value.lines() == ["registry cannot be started: [Errno 11] no more processes"]
