"""Log lines that say which trace they belong to, and a level that policy sets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from crossply import current
from crossply.telemetry import logs
from crossply.telemetry.log_context import trace_filter, with_trace
from crossply.testing import MemoryBroker
from tests.unit.sdk.stage import mesh


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """What was logged, as JSON, when it is called; configured by the test, whose stderr it is."""
    yield lambda: [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    structlog.reset_defaults()


async def test_what_is_logged_in_a_handler_says_its_trace(broker: MemoryBroker, lines: Any) -> None:
    logs.configure("info", "json")
    orders = mesh(broker, "orders")
    seen: list[tuple[str | None, str | None]] = []

    @orders.endpoint
    async def create() -> None:
        seen.append((current().trace_id, current().span_id))
        structlog.get_logger().info("order_created", sku="a")

    async with orders, mesh(broker, "web") as web:
        await web.call("orders.create")
    [line] = [each for each in lines() if each["event"] == "order_created"]
    assert (line["trace_id"], line["span_id"]) == seen[0]
    assert line["sku"] == "a"


async def test_the_standard_librarys_logging_says_it_by_a_filter(broker: MemoryBroker) -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(message)s %(trace_id)s"))
    handler.addFilter(trace_filter)
    logger = logging.getLogger("test_logs")
    logger.addHandler(handler)
    orders = mesh(broker, "orders")
    seen: list[str | None] = []

    @orders.endpoint
    async def create() -> None:
        seen.append(current().trace_id)
        logger.warning("inside")

    async with orders, mesh(broker, "web") as web:
        await web.call("orders.create")
    logger.warning("outside")
    logger.removeHandler(handler)
    assert stream.getvalue() == f"inside {seen[0]}\noutside \n"


def test_a_line_that_names_a_trace_keeps_it() -> None:
    assert with_trace(None, "info", {"event": "x", "trace_id": "known"})["trace_id"] == "known"


def test_the_level_changes_while_a_process_runs(lines: Any) -> None:
    logs.configure("info", "json")
    log = logs.get_logger("test")
    log.debug("before")
    logs.set_level("debug")
    log.debug("after")
    logs.set_level("error")
    log.warning("silent")
    assert [each["event"] for each in lines()] == ["after"]


def test_logs_that_somebody_else_set_up_are_left_alone() -> None:
    with structlog.testing.capture_logs():
        pass
    structlog.configure(processors=[structlog.processors.JSONRenderer()])
    before = structlog.get_config()
    logs.set_level("debug")
    assert structlog.get_config() == before
    structlog.reset_defaults()
