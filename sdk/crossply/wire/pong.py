"""What a ping of an instance found."""

from __future__ import annotations

from enum import Enum


class Pong(Enum):
    """What a ping of an instance found."""

    ALIVE = "alive"
    GONE = "gone"
    SILENT = "silent"
