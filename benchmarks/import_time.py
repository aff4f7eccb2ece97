"""What `import crossply` costs, as a ratio to importing nats-py alone: medians over fresh interpreters."""

from __future__ import annotations

import statistics
import subprocess
import sys

ROUNDS = 9
TARGET = 1.5


def seconds(module: str) -> float:
    """Return how long one fresh interpreter takes to import `module`, its own start not counted."""
    program = f"from time import perf_counter as now; start = now(); import {module}; print(now() - start)"
    command = [sys.executable, "-Ic", program]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Measure both in turn, so that a busy machine slows both alike, and print the ratio."""
    rounds = [(seconds("nats"), seconds("crossply")) for _ in range(ROUNDS + 1)][1:]  # the first warms the caches
    theirs, ours = (statistics.median(column) for column in zip(*rounds, strict=True))
    print(
        f"import crossply takes {ours / theirs:.2f}x importing nats-py alone (target: {TARGET}x or less; "
        f"{1000 * ours:.0f} ms to {1000 * theirs:.0f} ms, medians of {ROUNDS}; make bench)"
    )


if __name__ == "__main__":
    main()
