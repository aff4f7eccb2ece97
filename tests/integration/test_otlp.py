"""The shop of the demo, its spans and metrics sent by OTLP: one whole tree for every request of a visitor."""

from __future__ import annotations

import contextlib
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.broker import Broker
from tests.support.collector import Collector, attributes
from tests.support.policies import Policies
from tests.support.program import Program
from tests.support.waiting import eventually, eventually_awaited

SHOP = Path(__file__).parents[2] / "examples" / "shop"
CLIENT, SERVER, PRODUCER, CONSUMER = 3, 2, 4, 5


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture
async def everything_sampled(policies: Policies) -> None:
    await policies.apply({"kind": "Telemetry", "name": "mesh", "spec": {"sampling": 1}})


class Shop:
    """The demo's services as processes, and how they end: visitors first, then those who serve them."""

    def __init__(self, broker: Broker, collector: Collector, folder: Path) -> None:
        self._environ = {"CROSSPLY_NATS_URL": broker.url, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        self._folder = folder
        self._running = contextlib.ExitStack()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._stock = free.getsockname()[1]
        self.programs: dict[str, Program] = {}

    async def start(self) -> None:
        """Start everything; return when visitors come."""
        own = {"HOST": "127.0.0.1", "PORT": str(self._stock)}
        self._program("stock", str(SHOP / "stock.py"), own)
        await eventually_awaited(self._stock_answers, 20.0)
        sidecar = {
            "CROSSPLY_BRIDGE_MODE": "sidecar",
            "CROSSPLY_SERVICE": "stock",
            "CROSSPLY_APP_URL": f"http://127.0.0.1:{self._stock}",
        }
        self._program("stock-bridge", "-m", sidecar, "crossply_bridge")
        for name in ("billing", "mailer", "orders"):
            self._program(name, str(SHOP / f"{name}.py"), {})
        for name, service in (("stock-bridge", "stock"), ("billing",) * 2, ("mailer",) * 2, ("orders",) * 2):
            await self.programs[name].ready(service)
        self._program("web", str(SHOP / "web.py"), {"SHOP_FACTS": "1"})

    async def _stock_answers(self) -> bool:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                return (await client.get(f"http://127.0.0.1:{self._stock}/healthz")).is_success
        except httpx.HTTPError:
            return False

    def _program(self, name: str, first: str, own: dict[str, str], *more: str) -> None:
        environ = {**self._environ, **own}
        self.programs[name] = self._running.enter_context(Program(self._folder / name, first, *more, environ=environ))

    async def stop(self) -> None:
        """Ask each to stop, in the order in which requests go."""
        for name in ("web", "orders", "billing", "mailer", "stock-bridge"):
            self.programs[name].terminate()
            assert await self.programs[name].ended(15.0) == 0, self.programs[name].log

    def kill(self) -> None:
        self._running.close()


@pytest.fixture
async def shop(broker: Broker, collector: Collector, everything_sampled: None, tmp_path: Path) -> AsyncIterator[Shop]:
    running = Shop(broker, collector, tmp_path)
    try:
        await running.start()
        yield running
    finally:
        running.kill()


def tree(spans: list[tuple[dict[str, Any], Any]]) -> list[str]:
    """Return a trace as lines, a child below its parent and indented; every span must be in it once."""
    known = {span.span_id for _, span in spans}
    below: defaultdict[bytes, list[tuple[dict[str, Any], Any]]] = defaultdict(list)
    for resource, span in sorted(spans, key=lambda each: each[1].start_time_unix_nano):
        assert not span.parent_span_id or span.parent_span_id in known, "a parent is missing"
        below[span.parent_span_id].append((resource, span))

    def lines(parent: bytes, depth: int) -> Iterator[str]:
        for resource, span in below[parent]:
            yield f"{'  ' * depth}{resource['service.name']}: {span.name}"
            yield from lines(span.span_id, depth + 1)

    return list(lines(b"", 0))


QUOTE = [
    "web: orders/quote",
    "  web: attempt orders/quote",
    "    orders: orders/quote",
    "      orders: stock/http-get",
    "        orders: attempt stock/http-get",
    "          stock: stock/http-get",
]
CREATED = [
    "web: orders/create",
    "  web: attempt orders/create",
    "    orders: orders/create",
    "      orders: stock/http-get",
    "        orders: attempt stock/http-get",
    "          stock: stock/http-get",
    "      orders: billing/charge",
    "        orders: attempt billing/charge",
    "          billing: billing/charge",
    "      orders: stock/http-post",
    "        orders: attempt stock/http-post",
    "          stock: stock/http-post",
    "      orders: publish orders.created",
    "        mailer: process orders.created",
]


async def test_every_visit_to_the_shop_is_one_whole_tree_at_the_collector(shop: Shop, collector: Collector) -> None:
    await eventually(lambda: shop.programs["web"].log.count('"call"') >= 40, 30.0)
    await shop.stop()
    visits = shop.programs["web"].log.count('"call"')

    traces: defaultdict[bytes, list[tuple[dict[str, Any], Any]]] = defaultdict(list)
    for resource, span in collector.spans:
        traces[span.trace_id].append((resource, span))
    assert len(traces) == visits
    for spans in traces.values():
        found = tree(spans)
        failed = any(span.status.code == 2 for _, span in spans)
        assert found in (QUOTE, CREATED) or (failed and found[0] == CREATED[0]), "\n".join(found)
    trees = [tree(spans) for spans in traces.values()]
    assert trees.count(QUOTE) >= 15
    assert trees.count(CREATED) >= 10


async def test_what_is_sent_has_the_names_of_the_conventions(shop: Shop, collector: Collector) -> None:
    await eventually(lambda: shop.programs["web"].log.count('"call"') >= 20, 30.0)
    await shop.stop()
    by_name = {(resource["service.name"], span.name): span for resource, span in collector.spans}
    call, served = by_name["web", "orders/create"], by_name["orders", "orders/create"]
    assert (call.kind, served.kind) == (CLIENT, SERVER)
    assert attributes(call)["rpc.system.name"] == "nats_mesh"
    assert attributes(call)["mesh.destination"] == "orders"
    published, handled = by_name["orders", "publish orders.created"], by_name["mailer", "process orders.created"]
    assert (published.kind, handled.kind) == (PRODUCER, CONSUMER)
    assert [each.span_id for each in handled.links] == [published.span_id]
    assert attributes(handled)["messaging.consumer.group.name"] == "mailer"
    metrics = {(resource["service.name"], metric.name) for resource, metric in collector.metrics}
    assert {
        ("web", "rpc.client.call.duration"),
        ("orders", "rpc.server.call.duration"),
        ("orders", "messaging.client.operation.duration"),
        ("mailer", "messaging.process.duration"),
        ("billing", "mesh.calls"),
    } <= metrics
    resource = next(resource for resource, _ in collector.spans if resource["service.name"] == "orders")
    assert resource["service.version"] == "1.4.0"
    assert len(resource["service.instance.id"]) == 12
