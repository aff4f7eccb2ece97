"""What the API tells of calls and events that data planes report."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from crossply.errors import Code
from crossply.handler import Peer
from crossply.telemetry.recorder import Side
from tests.unit.registry.fakes import Clock, FakeLink
from tests.unit.registry.reports import TRACE, counted, hear, span


async def edges(api: httpx.AsyncClient, **asked: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/v1/stat", params=asked)).json()["edges"]
    return found


async def test_an_edge_has_its_rate_its_success_and_its_latency(
    api: httpx.AsyncClient, link: FakeLink, clock: Clock
) -> None:
    clock.now += 100
    hear(
        link,
        counted(Side.CALLER, "web", "orders", "orders.create", Code.OK, *[0.010] * 90),
        counted(Side.CALLER, "web", "orders", "orders.create", Code.ABORTED, *[0.100] * 30),
    )
    [edge] = await edges(api, window=60)
    assert (edge["caller"], edge["action"], edge["operation"], edge["callee"]) == (
        "web",
        "call",
        "orders.create",
        "orders",
    )
    assert (edge["count"], edge["rate"], edge["success"]) == (120, 2.0, 0.75)
    assert edge["outcomes"] == {"aborted": 30, "ok": 90}
    assert edge["p50"] == pytest.approx(0.010, rel=0.13)
    assert edge["p99"] == pytest.approx(0.100, rel=0.13)


async def test_a_callee_is_believed_where_no_caller_reports(api: httpx.AsyncClient, link: FakeLink) -> None:
    hear(
        link,
        counted(),
        counted(Side.CALLEE),
        counted(Side.CALLEE, "foreign"),
        counted(Side.PUBLISHER, "orders", "", "orders.created"),
        counted(Side.SUBSCRIBER, "orders", "mailer", "orders.created"),
    )
    assert [(each["action"], each["caller"], each["callee"], each["reporter"]) for each in await edges(api)] == [
        ("call", "foreign", "orders", "callee"),
        ("call", "web", "orders", "caller"),
        ("publish", "orders", "", "publisher"),
        ("handle", "orders", "mailer", "subscriber"),
    ]


@pytest.mark.parametrize("window", ["1", "601", "long"])
async def test_a_window_that_cannot_be_is_refused(api: httpx.AsyncClient, window: str) -> None:
    assert (await api.get("/v1/stat", params={"window": window})).status_code == 400


async def test_a_trace_is_found_by_its_id_and_among_the_last(api: httpx.AsyncClient, link: FakeLink) -> None:
    hear(link, span("1" * 16, start=1_000), span("3" * 16, trace_id="f" * 32, start=9_000))
    hear(link, span("2" * 16, "1" * 16, start=2_000), service="orders")
    one = (await api.get(f"/v1/traces/{TRACE}")).json()
    assert [(each["service"], each["span_id"], each["parent_id"]) for each in one["spans"]] == [
        ("web", "1" * 16, ""),
        ("orders", "2" * 16, "1" * 16),
    ]
    assert one["duration"] == pytest.approx(0.250001)
    listed = (await api.get("/v1/traces", params={"last": 5})).json()["traces"]
    assert [each["trace_id"] for each in listed] == ["f" * 32, TRACE]
    missing = await api.get("/v1/traces/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_a_scrape_is_what_prometheus_reads(api: httpx.AsyncClient, link: FakeLink) -> None:
    for _ in range(2):
        hear(
            link,
            counted(Side.CALLER, "web", "orders", "orders.create", Code.OK, 0.25, 0.3),
            counted(Side.CALLER, "web", "orders", "orders.create", Code.INTERNAL, 20.0, 50.0),
            counted(Side.SUBSCRIBER, "orders", "mailer", "orders.created"),
            counted(Side.PUBLISHER, 'quo"ted\\', "", "orders.created"),
        )
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    edge = {
        "rpc_system_name": "nats_mesh",
        "rpc_method": "orders/create",
        "mesh_source": "web",
        "mesh_destination": "orders",
    }
    duration = "rpc_client_call_duration_seconds"
    assert samples[f"{duration}_count", *sorted(edge.items())] == 8
    assert samples[f"{duration}_sum", *sorted(edge.items())] == pytest.approx(2 * 70.55)
    assert samples[f"{duration}_bucket", *sorted({**edge, "le": "0.25"}.items())] == 0
    assert samples[f"{duration}_bucket", *sorted({**edge, "le": "0.5"}.items())] == 4
    assert samples[f"{duration}_bucket", *sorted({**edge, "le": "30.0"}.items())] == 6
    assert samples[f"{duration}_bucket", *sorted({**edge, "le": "+Inf"}.items())] == 8
    outcome = {**edge, "mesh_outcome": "internal", "reporter": "client"}
    assert samples["mesh_calls_total", *sorted(outcome.items())] == 4
    assert sum(value for (name, *_), value in samples.items() if name == "mesh_events_total") == 4
    assert samples[("mesh_data_planes",)] == 0
    assert any(("mesh_source", 'quo"ted\\') in labels for _, *labels in samples)


HOSTILE: list[Any] = [
    counted()._replace(buckets={-1: 1}),
    counted()._replace(buckets={100_000: 1}),
    counted()._replace(operation="x" * 1000),
    counted()._replace(seconds=float("nan")),
    counted()._replace(seconds=float("inf")),
    span()._replace(trace_id="x" * 32),
    span()._replace(start=2**63),
    span()._replace(duration=float("nan")),
    span()._replace(tracestate="x" * 100_000),
]


@pytest.mark.parametrize("hostile", HOSTILE, ids=range(len(HOSTILE)))
async def test_what_is_no_report_is_told_of_once_and_dropped(
    api: httpx.AsyncClient, link: FakeLink, hostile: Any
) -> None:
    with capture_logs() as logs:
        for handler in link.report_handlers:
            handler(Peer("web", "aaaaaaaaaaaa"), b"\x93garbage")
        hear(link, hostile)
    assert [each["event"] for each in logs] == ["report_refused"]
    assert await edges(api) == []
    assert (await api.get("/v1/traces")).json() == {"traces": []}
