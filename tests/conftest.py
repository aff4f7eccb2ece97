"""What every test run has: a loud notice about tests that belong to `make soak`."""

from __future__ import annotations

from collections import defaultdict

import pytest

SOAK_AFTER = 20.0


class Slowness:
    """Add up each test's phases, in seconds, and name the tests that should be marked soak.

    A notice and not a failure: how long a test takes says as much about the machine as about the test.
    """

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)
        self._marked: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[report.nodeid] += report.duration
        if "soak" in report.keywords:
            self._marked.add(report.nodeid)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        slow = [
            (nodeid, seconds)
            for nodeid, seconds in self._seconds.items()
            if seconds > SOAK_AFTER and nodeid not in self._marked
        ]
        if slow:
            terminalreporter.section("TOO SLOW FOR make test", sep="!", red=True, bold=True)
        for nodeid, seconds in slow:
            terminalreporter.line(f"{nodeid} took {seconds:.0f} s: mark it soak, or make it quicker", red=True)


def pytest_configure(config: pytest.Config) -> None:
    """Watch this run."""
    config.pluginmanager.register(Slowness(), "slowness")
