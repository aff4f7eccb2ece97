"""What every test of the command has: logs as they were before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A command sends the logs of its whole process to stderr, which in a test is closed soon."""
    yield
    structlog.reset_defaults()
