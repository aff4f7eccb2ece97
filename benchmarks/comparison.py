"""What measurements say when they are compared: medians over the rounds, and ratios to the first peer."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: calls a second; what half of the calls and what 99 % of them took at most, in seconds."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Row:
    """One peer at one concurrency: medians over the rounds, and their ratios to the first peer's."""

    peer: str
    concurrency: int
    rate: float
    p50: float
    p99: float
    rate_ratio: float
    p99_ratio: float


def measured(laps: Sequence[float], took: float) -> Run:
    """Return the run in which one call each took ``laps``, all of them together ``took`` seconds."""
    ordered = sorted(laps)
    return Run(len(ordered) / took, _rank(ordered, 0.50), _rank(ordered, 0.99))


def compared(peer: str, concurrency: int, runs: Sequence[Run], first: Sequence[Run]) -> Row:
    """Return the row of ``runs``, whose n-th was measured in the same round as the n-th of ``first``.

    The rate's ratio is the median of the rounds' ratios, since both sides of each met the same weather. A single
    p99 hangs on a few calls, so its ratio is that of the medians.
    """
    p99 = statistics.median(run.p99 for run in runs)
    return Row(
        peer=peer,
        concurrency=concurrency,
        rate=statistics.median(run.rate for run in runs),
        p50=statistics.median(run.p50 for run in runs),
        p99=p99,
        rate_ratio=statistics.median(run.rate / other.rate for run, other in zip(runs, first, strict=True)),
        p99_ratio=p99 / statistics.median(run.p99 for run in first),
    )


def table(rows: Sequence[Row]) -> str:
    """Return the rows as aligned text under a heading."""
    cells = [
        ("peer", "c", "req/s", "p50 ms", "p99 ms", "x req/s", "x p99"),
        *(
            (
                row.peer,
                str(row.concurrency),
                f"{row.rate:.0f}",
                f"{1000 * row.p50:.3f}",
                f"{1000 * row.p99:.3f}",
                f"{row.rate_ratio:.2f}",
                f"{row.p99_ratio:.2f}",
            )
            for row in rows
        ),
    ]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(_line(line, widths) for line in cells)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    name, *figures = cells
    padded = (figure.rjust(width) for figure, width in zip(figures, widths[1:], strict=True))
    return "  ".join([name.ljust(widths[0]), *padded])


def _rank(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that ``share`` of all do not exceed (the nearest-rank percentile)."""
    return ordered[math.ceil(share * len(ordered)) - 1]
