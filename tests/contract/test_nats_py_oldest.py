"""The oldest nats-py that may be installed passes the contract, and carries a mesh on a real broker.

The newest is that of every other test.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OLDEST = ROOT / ".venv" / "nats-oldest"
TESTS = (
    "tests/contract/test_nats_py.py",
    "tests/integration/test_sdk_calls.py",
    "tests/integration/test_sdk_tls.py::test_calls_and_events_go_over_mutual_tls",
    "tests/integration/test_sdk_tls.py::test_a_broker_that_is_killed_and_comes_back_is_reached_again",
)


def on_oldest(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with the oldest nats-py in front of the one that is installed; -I would not look there."""
    assert OLDEST.is_dir(), f"{OLDEST} is missing; `make test` puts it there, and so does `make .venv/nats-oldest`"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        env={**environ, "PYTHONPATH": str(OLDEST)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )


@pytest.fixture(scope="module")
def version() -> str:
    """The one that is pinned."""
    pinned = (ROOT / "constraints" / "nats-oldest.txt").read_text(encoding="utf-8")
    return pinned.partition("==")[2].split()[0]


def test_it_is_the_one_that_is_pinned(version: str) -> None:
    program = "import nats, importlib.metadata; print(nats.__file__, importlib.metadata.version('nats-py'))"
    ran = on_oldest("-c", program)
    assert ran.stdout.split() == [str(OLDEST / "nats" / "__init__.py"), version]


def test_it_passes_the_contract_and_carries_calls_and_events() -> None:
    ran = on_oldest("-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS)
    assert ran.returncode == 0, ran.stdout[-5000:]
