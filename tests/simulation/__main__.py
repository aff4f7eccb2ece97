"""Live the lives of some seeds: python -m tests.simulation FIRST COUNT; stops at the first that goes wrong, code 1."""

from __future__ import annotations

import sys

from crossply.telemetry import logs
from tests.simulation.world import live


def main(arguments: list[str]) -> int:
    """Return 0 when all lives went well."""
    first, count = int(arguments[0]), int(arguments[1]) if len(arguments) > 1 else 1
    logs.configure("error")
    for seed in range(first, first + count):
        if wrong := live(seed):
            print(f"seed {seed}: {len(wrong)} things went wrong; live it again with: python -m tests.simulation {seed}")
            print("\n".join(f"  {each}" for each in wrong[:10]))
            return 1
    print(f"{count} lives from seed {first} on went well")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
