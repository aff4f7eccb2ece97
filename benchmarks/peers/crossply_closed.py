"""Crossply with everything on: a mesh of `crossply up`, mutual TLS, who may connect asked of the authority, sealed."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final

from benchmarks.peer import answer, ask
from benchmarks.processes import Program, while_running
from crossply.config import MeshConfig

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]

_STARTED_WITHIN: Final = 25.0


async def serve(env: dict[str, Any]) -> None:
    """Run the mesh and be the callee until cancelled; say ``ready`` once it can be called."""
    command = (str(Path(sys.executable).parent / "crossply"), "up", "--data", str(Path(env["dir"]) / ".crossply"))
    started = Program.start("crossply up", *command, word="gateway +http", own_group=False)
    async with aclosing(await started) as mesh:
        await mesh.said(_STARTED_WITHIN)
        await while_running([mesh], answer(_config(env)))


async def connect(env: dict[str, Any]) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    return await ask(_config(env))


def _config(env: dict[str, Any]) -> MeshConfig:
    return MeshConfig.from_mapping({}, start=Path(env["dir"]))
