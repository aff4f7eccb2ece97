"""A feed of keys for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.unit.sdk.keyring.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    made = World()
    yield made
    await made.tasks.aclose()
    assert made.failed == []
