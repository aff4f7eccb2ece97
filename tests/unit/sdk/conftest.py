"""What every test of the SDK has: a loop whose time jumps, and the certainty that no task is left on it."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from crossply.testing import JumpingLoop, MemoryBroker


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run every async test below this folder on a loop that never sleeps."""
    return {"jumping": JumpingLoop}


@pytest.fixture(autouse=True)
def _leaves_nothing(request: pytest.FixtureRequest) -> None:
    if inspect.iscoroutinefunction(getattr(request, "function", None)):
        request.getfixturevalue("no_task_left")


@pytest.fixture
async def no_task_left() -> AsyncIterator[None]:
    """Fail a test that ends while something it started still runs."""
    yield
    # What was cancelled just now ends in the next turn of the loop.
    await asyncio.sleep(0)
    left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"these still run: {left}"


@pytest.fixture
def broker() -> MemoryBroker:
    """A broker in memory, with a mesh of its own."""
    return MemoryBroker()
