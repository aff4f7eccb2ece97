"""What a user's tests need: a mesh in memory, time that jumps, scripted callees, repeatable chance."""

from __future__ import annotations

from crossply.clock import Chance, chance
from crossply.testing.memory.broker import MemoryBroker
from crossply.testing.memory.link import MemoryLink
from crossply.testing.script import Script
from crossply.testing.time import JumpingClock, JumpingLoop, run

__all__ = [
    "Chance",
    "JumpingClock",
    "JumpingLoop",
    "MemoryBroker",
    "MemoryLink",
    "Script",
    "chance",
    "run",
]
