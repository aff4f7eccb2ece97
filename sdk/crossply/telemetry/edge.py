"""What happened between a caller and one operation of a callee: durations by outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import Code
from crossply.telemetry.histogram import Histogram

if TYPE_CHECKING:
    from crossply.telemetry.recorder import Side


class Edge:
    """One edge, as one side tells of it; ``ok`` apart, as most is."""

    __slots__ = ("callee", "caller", "failures", "ok", "operation", "side")

    def __init__(self, side: Side, caller: str, callee: str, operation: str) -> None:
        self.side = side
        self.caller = caller
        self.callee = callee
        self.operation = operation
        self.ok = Histogram()
        self.failures: dict[Code, Histogram] = {}

    def failed(self, code: Code) -> Histogram:
        """Return where durations with an outcome that is not ``ok`` are counted."""
        known = self.failures.get(code)
        if known is None:
            known = self.failures[code] = Histogram()
        return known

    def outcomes(self) -> list[tuple[Code, Histogram]]:
        """Return the durations by outcome; may be asked from another thread."""
        return [(Code.OK, self.ok), *list(self.failures.items())]
