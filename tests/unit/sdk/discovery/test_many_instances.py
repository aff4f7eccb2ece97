"""A caller of a service with two thousand instances keeps little of each, and chooses among a few."""

from __future__ import annotations

import gc
import tracemalloc

import pytest

from crossply.discovery.catalog import Catalog
from crossply.routing.instances import CHOSEN_INSTANCES
from crossply.tasks import Tasks
from crossply.testing import MemoryBroker
from crossply.wire import presence
from crossply.wire.presence import EndpointHello, Hello
from tests.unit.sdk.stage import Always, link, now

INSTANCES = 2000
MOST = 20 * 1024 * 1024


def hello(number: int) -> bytes:
    """Return what an instance with twenty endpoints and some labels says, as it comes from the wire."""
    return presence.encode(
        Hello(
            "orders",
            f"i{number:011d}",
            version="1.4.0",
            zone=f"eu-{number % 3}",
            labels={"host": f"node-{number}", "track": "stable"},
            endpoints=tuple(EndpointHello(f"endpoint-{each}", idempotent=True) for each in range(20)),
        )
    )


async def test_two_thousand_instances_cost_less_than_20_mb(broker: MemoryBroker) -> None:
    made = await link(broker)
    catalog = Catalog(made, "aaaaaaaaaaaa", Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}")), now, Always())
    callee = catalog.callee("orders")
    said = [hello(number) for number in range(INSTANCES)]
    gc.collect()
    tracemalloc.start()
    for raw in said:
        catalog.hear(presence.decode(raw))
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(callee.instances) == INSTANCES
    assert len(callee.serving("endpoint-7")) == CHOSEN_INSTANCES
    assert used < MOST
    await made.aclose()
