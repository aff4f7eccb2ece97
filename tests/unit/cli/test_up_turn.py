"""Whose turn it is to start a mesh on this machine."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

from crossply_cli.up.lines import Lines
from crossply_cli.up.turn import Turn


async def test_the_second_waits_until_the_first_has_its_ports_and_says_so(tmp_path: Path) -> None:
    said = io.StringIO()
    first = await Turn.take(tmp_path / "lock", asyncio.Event(), Lines(said))
    assert said.getvalue() == ""
    waiting = asyncio.ensure_future(Turn.take(tmp_path / "lock", asyncio.Event(), Lines(said)))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    assert "another mesh is just starting" in said.getvalue()
    first.release()
    (await waiting).release()


async def test_whoever_is_told_to_stop_waits_no_longer(tmp_path: Path) -> None:
    first = await Turn.take(tmp_path / "lock", asyncio.Event(), Lines(io.StringIO()))
    stop = asyncio.Event()
    waiting = asyncio.ensure_future(Turn.take(tmp_path / "lock", stop, Lines(io.StringIO())))
    await asyncio.sleep(0.05)
    stop.set()
    (await asyncio.wait_for(waiting, 5.0)).release()
    first.release()
    first.release()


async def test_where_no_lock_can_be_had_a_mesh_starts_all_the_same(tmp_path: Path) -> None:
    said = io.StringIO()
    (await Turn.take(tmp_path / "none" / "lock", asyncio.Event(), Lines(said))).release()
    assert "cannot be locked" in said.getvalue()
