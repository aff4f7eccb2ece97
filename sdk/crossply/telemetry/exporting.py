"""Spans and metrics to wherever the OpenTelemetry SDK can send them, in a thread that the loop never waits for."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Final

from crossply.telemetry.logs import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter

    from crossply.telemetry.edge import Edge
    from crossply.telemetry.recorder import Span

_BATCHES: Final = 16
_AT_END: Final = 5.0
_COMPLAIN_EVERY: Final = 60.0


class Exporting:
    """Hands what a process records to exporters and readers, and ends them with it.

    ``take`` never waits: when exporters are slower than the process, batches are dropped and counted in ``dropped``.
    """

    def __init__(
        self,
        exporters: Sequence[SpanExporter | MetricReader],
        resource: Resource,
        edges: Callable[[], Iterable[Edge]],
        counts: Callable[[], Mapping[str, int]],
    ) -> None:
        from opentelemetry.sdk.metrics.export import MetricReader

        from crossply.telemetry.otel_metrics import MetricsOf

        self._log = get_logger("telemetry")
        self._resource = resource
        self._exporters = [each for each in exporters if not isinstance(each, MetricReader)]
        readers = [each for each in exporters if isinstance(each, MetricReader)]
        self._metrics = MetricsOf(edges, counts, readers, resource) if readers else None
        self._waiting: queue.Queue[list[Span] | None] = queue.Queue(_BATCHES)
        self._complained = -_COMPLAIN_EVERY
        self.dropped = 0
        # A daemon: an exporter that hangs does not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="crossply-export", daemon=True)
        self._thread.start()

    def take(self, spans: list[Span]) -> None:
        """Export spans soon."""
        if not spans or not self._exporters:
            return
        try:
            self._waiting.put_nowait(spans)
        except queue.Full:
            self.dropped += len(spans)

    async def aclose(self) -> None:
        """Export what is left, and end exporters and readers; they are not waited for longer than five seconds."""
        try:
            async with asyncio.timeout(_AT_END):
                await asyncio.to_thread(self._end)
        except TimeoutError:
            self._log.warning("telemetry_not_flushed", waited=_AT_END)

    def _end(self) -> None:
        try:
            self._waiting.put(None, timeout=_AT_END)
        except queue.Full:
            return
        self._thread.join(_AT_END)

    def _run(self) -> None:
        from opentelemetry import context

        # What exporters do over HTTP is not to be traced in its turn; the SDK's own processors say so by this key too.
        key = context._SUPPRESS_INSTRUMENTATION_KEY  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # pinned by a contract test
        context.attach(context.set_value(key, value=True))
        while (spans := self._waiting.get()) is not None:
            self._tried(partial(self._export, spans))
        for exporter in self._exporters:
            self._tried(exporter.shutdown)
        if self._metrics is not None:
            self._tried(self._metrics.aclose)

    def _export(self, spans: list[Span]) -> None:
        from crossply.telemetry.otel_spans import readable

        made = [readable(span, self._resource) for span in spans]
        for exporter in self._exporters:
            self._tried(partial(exporter.export, made))

    def _tried(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - an exporter's fault stays with it
            now = time.monotonic()
            if now - self._complained >= _COMPLAIN_EVERY:
                self._complained = now
                self._log.warning("telemetry_not_exported", error=repr(error))


def resource_of(service: str, version: str, instance: str, tenant: str) -> Resource:
    """Return who exports; ``OTEL_RESOURCE_ATTRIBUTES`` may add to it."""
    from opentelemetry.sdk.resources import Resource

    return Resource.create(
        {
            "service.name": service,
            "service.version": version,
            "service.instance.id": instance,
            "service.namespace": tenant,
        }
    )


def otlp(endpoint: str) -> list[SpanExporter | MetricReader]:
    """Return what exports to an OTLP collector over HTTP; raise ``ImportError`` without the extra ``otlp``.

    Headers, timeouts and compression are read from ``OTEL_EXPORTER_OTLP_*`` by the exporters themselves.
    """
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

    base = endpoint.rstrip("/")
    return [
        OTLPSpanExporter(endpoint=f"{base}/v1/traces"),
        PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{base}/v1/metrics")),
    ]
