"""How far the data planes are with a revision: waited for, within bounds, and said of each that is behind."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from crossply_cli.registry_api import RegistryApi

_BEAT: Final = 0.02


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The revision, who has it and who not (and why), and how long it took in seconds."""

    revision: int
    applied: int
    planes: int
    behind: tuple[str, ...]
    took: float

    def line(self) -> str:
        """Return what a user reads first."""
        if not self.planes:
            return f"revision {self.revision} is in force; no data plane is there to take it over"
        return f"applied {self.applied}/{self.planes} in {self.took * 1000:.0f} ms"


async def wait(api: RegistryApi, within: float) -> Acknowledged:
    """Return once every data plane has the revision in force, or after so many seconds."""
    began = time.monotonic()
    while True:
        status = await api.status()
        took = time.monotonic() - began
        if not status["behind"] or took > within:
            return _from(status, took)
        await asyncio.sleep(_BEAT)


def _from(status: dict[str, Any], took: float) -> Acknowledged:
    planes = status["data_planes"]
    behind = [plane for plane in planes if plane["behind"]]
    return Acknowledged(status["revision"], len(planes) - len(behind), len(planes), tuple(map(laggard, behind)), took)


def laggard(plane: dict[str, Any]) -> str:
    """Say who is behind, with which revision, and why if it said so."""
    who = f"{plane['service']} {plane['instance']} has revision {plane['revision']}"
    why = f"and refuses the newest: {plane['refused']}" if plane["refused"] else "and was last heard"
    return f"{who} {why}" if plane["refused"] else f"{who} {why} {plane['last_seen']:.1f} s ago"
