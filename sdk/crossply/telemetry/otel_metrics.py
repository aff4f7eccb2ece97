"""The recorder's counts as metrics of the OpenTelemetry SDK, made when a reader asks for them.

The SDK has no instrument that takes a whole histogram, and recording each call in one of its own costs more than the
call. So readers are set up by a provider of theirs and then ask the recorder instead of it. Everything is cumulative.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from crossply.telemetry import names
from crossply.telemetry.histogram import BOUNDS, exported
from crossply.telemetry.red import ABOUT, durations, outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource

    from crossply.telemetry.edge import Edge

_CUMULATIVE = AggregationTemporality.CUMULATIVE


class MetricsOf:
    """Answers readers with what a process has counted; asked from threads of theirs."""

    def __init__(
        self,
        edges: Callable[[], Iterable[Edge]],
        counts: Callable[[], Mapping[str, int]],
        readers: Sequence[MetricReader],
        resource: Resource,
    ) -> None:
        self._edges = edges
        self._counts = counts
        self._resource = resource
        self._began = time.time_ns()
        self._provider = MeterProvider(metric_readers=readers, resource=resource, shutdown_on_exit=False)
        for reader in readers:
            reader._set_collect_callback(self._collect)  # type: ignore[arg-type]  # noqa: SLF001 - typed otherwise than called; pinned by a contract test

    def aclose(self) -> None:
        """Have every reader take the last counts and end; blocks as long as they do."""
        self._provider.shutdown()

    def _collect(self, _reader: MetricReader, *, timeout_millis: float = 0) -> MetricsData:  # noqa: ARG002 - the SDK's call
        scope = ScopeMetrics(InstrumentationScope(names.SCOPE), list(self._metrics()), "")
        return MetricsData([ResourceMetrics(self._resource, [scope], self._resource.schema_url)])

    def _metrics(self) -> Iterable[Metric]:
        now = time.time_ns()
        edges = list(self._edges())
        histograms: dict[str, list[HistogramDataPoint]] = {}
        for metric, attributes, counted in durations(edges):
            unknown: Any = None  # the least and the most are not kept; OTLP leaves out what is None
            point = HistogramDataPoint(
                attributes,
                self._began,
                now,
                counted.count,
                counted.seconds,
                exported(counted.buckets),
                BOUNDS,
                unknown,
                unknown,
            )
            histograms.setdefault(metric, []).append(point)
        sums: dict[str, list[NumberDataPoint]] = {}
        for metric, attributes, count in outcomes(edges):
            sums.setdefault(metric, []).append(NumberDataPoint(attributes, self._began, now, count))
        for metric, count in self._counts().items():
            sums[metric] = [NumberDataPoint({}, self._began, now, count)]
        for metric, buckets in histograms.items():
            yield Metric(metric, ABOUT[metric], "s", Histogram(buckets, _CUMULATIVE))
        for metric, counts in sums.items():
            yield Metric(metric, ABOUT[metric], "1", Sum(counts, _CUMULATIVE, is_monotonic=True))
