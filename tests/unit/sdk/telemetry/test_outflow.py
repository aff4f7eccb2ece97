"""Reports of a running mesh, and how policy reaches what it keeps."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from crossply import CallError, ConfigError
from crossply.errors import Code
from crossply.handler import Peer
from crossply.telemetry.histogram import Histogram
from crossply.telemetry.recorder import MemoryRecorder, Side
from crossply.telemetry.report import MOST_EDGES, MOST_SPANS, Report, Reporter, decode, encode
from crossply.testing import MemoryBroker
from crossply_policy.documents import TelemetryPolicy
from tests.unit.sdk.stage import config, link, mesh, request

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def reports(broker: MemoryBroker) -> list[tuple[Peer, Report]]:
    """Listen to the reports of all, from now on."""
    heard: list[tuple[Peer, Report]] = []
    watching = await link(broker, "registry", "rrrrrrrrrrrr")
    await watching.watch_reports(lambda peer, raw: heard.append((peer, decode(raw))))
    return heard


async def test_both_ends_report_within_seconds_and_what_is_left_at_their_end(broker: MemoryBroker) -> None:
    heard = await reports(broker)
    orders = mesh(broker, "orders")

    @orders.endpoint
    async def create() -> None: ...

    async with orders, mesh(broker, "web") as web:
        await web.call("orders.create")
        await asyncio.sleep(3)
        assert sorted(peer.service for peer, _ in heard) == ["orders", "web"]
        [counted] = next(report.counted for peer, report in heard if peer.service == "web")
        assert (counted.side, counted.caller, counted.operation, counted.code) == (
            Side.CALLER,
            "web",
            "orders.create",
            Code.OK,
        )
        assert sum(counted.buckets.values()) == 1
        await asyncio.sleep(10)
        assert len(heard) == 2, "nothing happened, so nothing is told"
        with pytest.raises(CallError):
            await web.call("orders.absent")
    last = [(peer.service, each.code) for peer, report in heard[2:] for each in report.counted]
    assert ("web", Code.NOT_FOUND) in last
    failed = [span.kept for _, report in heard[2:] for span in report.spans]
    assert "error" in failed


def told(recorder: MemoryRecorder, operation: str, code: Code = Code.OK, seconds: float = 0.1) -> None:
    recorder.ledger(Side.CALLER)(request(operation, traceparent=SAMPLED), code, 1.0, seconds)


def test_reports_add_up_to_what_happened() -> None:
    recorder = MemoryRecorder("web")
    reporter = Reporter(recorder)
    total = Histogram()
    for number in range(10):
        for _ in range(number):
            told(recorder, "orders.create", seconds=0.01 * number)
        said = reporter.report()
        for each in said.counted if said else ():
            total.merge(each.buckets, each.seconds)
    [edge] = recorder.edges()
    assert total.buckets == edge.ok.buckets
    assert total.seconds == pytest.approx(edge.ok.seconds)


def test_what_is_too_much_for_one_report_is_in_the_next() -> None:
    recorder = MemoryRecorder("web")
    reporter = Reporter(recorder)
    for number in range(MOST_EDGES + 50):
        told(recorder, f"orders.create-{number}")
    sizes = [len(said.counted) if (said := reporter.report()) else 0 for _ in range(3)]
    assert sizes == [MOST_EDGES, 50, 0]


def test_edges_that_are_too_many_for_one_report_take_turns_though_all_of_them_go_on() -> None:
    recorder = MemoryRecorder("web")
    reporter = Reporter(recorder)
    operations = {f"orders.create-{number}" for number in range(2 * MOST_EDGES + 50)}
    said: set[str] = set()
    for _ in range(3):
        for operation in operations:
            told(recorder, operation)
        report = reporter.report()
        assert report is not None
        said |= {each.operation for each in report.counted}
    assert said == operations


def test_spans_for_which_a_report_has_no_room_are_counted() -> None:
    recorder = MemoryRecorder("web")
    reporter = Reporter(recorder)
    for _ in range(MOST_SPANS + 30):
        told(recorder, "orders.create")
    reporter.take(recorder.take(lambda: 0.0, lambda: 0))
    said = reporter.report()
    assert said is not None
    assert (len(said.spans), said.dropped) == (MOST_SPANS, 30)
    assert len(encode(said)) < 256 * 1024
    assert decode(encode(said)) == said


async def test_a_mesh_samples_as_the_policy_of_its_service_says(broker: MemoryBroker) -> None:
    web = mesh(broker, "web")
    async with web:
        outflow: Any = web.running.outflow
        before = outflow.recorder.sampling.threshold
        outflow.adopt(TelemetryPolicy(sampling=1.0, slow=0.25))
        assert outflow.recorder.sampling.threshold < before
        assert outflow.recorder.sampling.slow == 0.25


async def test_exporters_serve_one_run_and_a_function_makes_them_for_each(broker: MemoryBroker) -> None:
    once = mesh(broker, "web", exporters=[InMemoryMetricReader()])
    async with once:
        pass
    with pytest.raises(ConfigError, match="give it a function that makes them"):
        await once.start()

    made: list[InMemorySpanExporter] = []

    def make() -> list[InMemorySpanExporter]:
        made.append(InMemorySpanExporter())
        return made[-1:]

    often = mesh(broker, "web", exporters=make)
    for _ in range(2):
        async with often:
            with pytest.raises(CallError):
                await often.call("orders.absent")
    assert [len(each.get_finished_spans()) for each in made] == [1, 1]


async def test_without_the_extra_a_collector_is_asked_for_in_vain_and_that_is_said(
    broker: MemoryBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with capture_logs() as logs:
        async with mesh(broker, "web", config=config(otlp="http://127.0.0.1:4318")):
            pass
    [said] = [each for each in logs if each["event"] == "otlp_not_installed"]
    assert said["next"] == "pip install 'crossply[otlp]'"
