"""An authority that runs, over fakes."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from crossply_registry.authority.authority import Authority
from tests.unit.registry.authority.standing import Standing, client, prepared


@pytest.fixture(scope="session")
def first_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that init wrote once for all tests."""
    return prepared(tmp_path_factory.mktemp("mesh") / "mesh", "orders", "web")


@pytest.fixture
def standing(first_folder: Path, tmp_path: Path) -> Standing:
    """What replicas share."""
    return Standing(Path(shutil.copytree(first_folder, tmp_path / "mesh")))


@pytest.fixture
async def authority(standing: Standing) -> AsyncIterator[Authority]:
    """One replica."""
    running = await standing.replica()
    yield running
    await running.aclose()


@pytest.fixture
async def api(authority: Authority) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with client(authority) as made:
        yield made
