"""The programs in docs/telemetry.md run as they stand there, and its tables name what there is."""

from __future__ import annotations

import asyncio
import logging
import re
from pathlib import Path
from typing import Any

from crossply import Mesh
from crossply.telemetry import names
from crossply.testing import MemoryBroker, run

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "telemetry.md").read_text(encoding="utf-8")
EXPORTING, SCRAPED, LOGGING = re.findall(r"^```python\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)


def executed(program: str) -> dict[str, Any]:
    """Run a block and return what it defines."""
    defined: dict[str, Any] = {}
    exec(program, defined)
    return defined


def test_exporters_get_what_happens_until_the_mesh_stops() -> None:
    defined = executed(EXPORTING)
    orders: Mesh = defined["mesh"]

    @orders.endpoint
    async def create() -> None:
        raise RuntimeError

    async def calling() -> None:
        broker = MemoryBroker()
        broker.adopt(orders)
        async with orders, Mesh("web", connect=broker.connect) as web:
            await asyncio.gather(web.call("orders.create"), return_exceptions=True)

    run(calling())
    [span] = defined["spans"].get_finished_spans()
    assert span.name == "orders/create"
    assert span.attributes["mesh.sampled"] == "error"


def test_a_service_may_show_its_own_metrics() -> None:
    metrics = executed(SCRAPED)["metrics"]

    async def scraping() -> bytes:
        broker = MemoryBroker()
        orders = Mesh("orders", connect=broker.connect)

        @orders.endpoint
        async def create() -> None: ...

        async with orders, Mesh("web", connect=broker.connect) as web:
            await web.call("orders.create")
            scraped: bytes = metrics(orders)
            return scraped

    assert b'rpc_method="orders/create"' in run(scraping())


def test_the_handler_of_the_page_names_a_trace() -> None:
    handler = executed(LOGGING)["handler"]
    record = logging.LogRecord("x", logging.INFO, "x", 1, "said", (), None)
    assert handler.filter(record)
    assert handler.format(record) == "said trace="


def test_every_metric_is_in_the_table() -> None:
    metrics = [names.CLIENT_DURATION, names.SERVER_DURATION, names.PUBLISH_DURATION, names.PROCESS_DURATION]
    for each in (*metrics, names.CALLS, names.EVENTS, names.DROPPED):
        assert f"`{each}`" in TEXT
