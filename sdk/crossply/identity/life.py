"""How long what was issued lasts: by the authority's clock, as this machine's may be another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossply.identity.issued import Issued
    from crossply.telemetry.logs import Logger

FRESH: Final = 5.0
"""Seconds by which two clocks may differ for sealed messages to be taken (docs/protocol.md)."""


class Life:
    """Compares clocks whenever something is issued; ``wall`` is unix seconds."""

    def __init__(self, wall: Callable[[], float], log: Logger) -> None:
        self._wall = wall
        self._log = log
        self._ahead = 0.0

    def issued(self, found: Issued) -> None:
        """Take the authority's time from what it issued just now, and say so where the clocks differ too much."""
        if not found.now:
            return
        self._ahead = self._wall() - found.now
        if abs(self._ahead) > FRESH:
            where = "ahead of" if self._ahead > 0 else "behind"
            self._log.warning(
                "clock_off",
                seconds=round(self._ahead, 1),
                why=f"this machine's clock is {where} the authority's, so that sealed messages are refused as stale:"
                " synchronize both",
            )

    def left(self, held: Issued) -> float:
        """Return for how many seconds more something holds, by the authority's clock."""
        return held.not_after + self._ahead - self._wall()
