"""What happened to one operation on one side, whoever called: the sums that NATS micro and heartbeats tell."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crossply.errors import Code

if TYPE_CHECKING:
    from crossply.telemetry.edge import Edge


@dataclass(slots=True)
class Meter:
    """Outcomes of one operation on one side; ``seconds`` is the sum of their durations."""

    count: int = 0
    failed: int = 0
    seconds: float = 0.0
    last_failure: str = ""
    codes: dict[Code, int] = field(default_factory=dict[Code, int])

    def add(self, edge: Edge) -> None:
        """Take in what was counted of one edge."""
        for code, durations in edge.outcomes():
            count = durations.count
            if not count:
                continue
            self.count += count
            self.seconds += durations.seconds
            self.codes[code] = self.codes.get(code, 0) + count
            if code is not Code.OK:
                self.failed += count
                self.last_failure = str(code)
