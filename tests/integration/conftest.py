"""What integration tests share: a broker of their own, the meshes on it, and what these log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.support.broker import Broker
from tests.support.meshes import Meshes
from tests.support.plain_client import PlainClient
from tests.support.policies import Policies
from tests.support.provider import Provider


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running nats-server."""
    with Broker(tmp_path) as running:
        yield running


@pytest.fixture
async def meshes(broker: Broker) -> AsyncIterator[Meshes]:
    """Makes meshes on the broker."""
    async with Meshes(broker) as made:
        yield made


@pytest.fixture
async def provider(broker: Broker) -> AsyncIterator[Provider]:
    """Creates the streams and consumers that instances declare, as the registry does."""
    async with Provider(broker) as providing:
        yield providing


@pytest.fixture
async def policies(provider: Provider) -> Policies:
    """Signed revisions, as the registry writes them."""
    made = Policies(provider.link)
    await made.begin()
    return made


@pytest.fixture
async def plain(broker: Broker) -> AsyncIterator[PlainClient]:
    """A NATS client from outside the mesh."""
    async with PlainClient(broker.url) as client:
        yield client


@pytest.fixture
def logs() -> Iterator[list[EventDict]]:
    """Everything that was logged in this process, as events with fields."""
    with capture_logs() as captured:
        yield captured
