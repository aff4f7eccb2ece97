"""A registry over fakes, and a client of its HTTP API on the same event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from crossply_registry.config import RegistryConfig
from crossply_registry.registry import Registry
from tests.unit.registry.fakes import Clock, FakeLink, api_client


@pytest.fixture
def link() -> FakeLink:
    """The registry's link."""
    return FakeLink()


@pytest.fixture
def clock() -> Clock:
    """The registry's clock."""
    return Clock()


@pytest.fixture
async def registry(link: FakeLink, clock: Clock) -> AsyncIterator[Registry]:
    """A registry that runs."""
    running = Registry(RegistryConfig(), connect=link.connect, clock=clock)
    await running.start()
    yield running
    await running.aclose()


@pytest.fixture
async def api(registry: Registry) -> AsyncIterator[httpx.AsyncClient]:
    """A client of its API."""
    async with api_client(registry) as client:
        yield client
