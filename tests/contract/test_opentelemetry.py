"""What telemetry relies on in the OpenTelemetry SDK beyond its documented API: these private names do what they did."""

from __future__ import annotations

from typing import Any

from opentelemetry import context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData


def test_a_reader_asks_whoever_was_set_last_and_takes_what_it_returns() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    asked: list[Any] = []

    def answer(asking: Any, *, timeout_millis: float) -> MetricsData:
        asked.append((asking, timeout_millis))
        return MetricsData([])

    reader._set_collect_callback(answer)  # type: ignore[arg-type]  # typed otherwise than it is called
    assert reader.get_metrics_data() == MetricsData([])
    [(asking, timeout)] = asked
    assert asking is reader
    assert timeout > 0
    provider.shutdown()


def test_the_key_by_which_instrumentation_is_suppressed_is_text() -> None:
    assert isinstance(context._SUPPRESS_INSTRUMENTATION_KEY, str)  # pyright: ignore[reportPrivateUsage]  # that is the point
