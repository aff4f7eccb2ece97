"""From the recorder to whoever watches: exporters, and the registry by reports; beside the work, never in its way."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from crossply.telemetry import logs, names, report
from crossply.telemetry.exporting import Exporting, otlp, resource_of
from crossply.telemetry.recorder import MemoryRecorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace.export import SpanExporter

    from crossply.clock import Chance, Clock
    from crossply.config import MeshConfig
    from crossply.telemetry.given import Exporters
    from crossply_policy.documents import TelemetryPolicy

_TAKE_EVERY: Final = 1.0
_REPORT_EVERY: Final = 2
"""Takes between two reports."""


class Outflow:
    """Owns the recorder of a process and takes from it once a second; every other time it reports."""

    def __init__(
        self,
        config: MeshConfig,
        exporters: Exporters,
        *,
        service: str,
        version: str,
        instance: str,
        now: Clock,
        chance: Chance,
    ) -> None:
        self._config = config
        self._given = exporters
        self._own = (service, version, instance, config.tenant)
        self._now = now
        self._log = logs.get_logger("telemetry")
        self._level = config.log_level
        self._takes = 0
        self._exporting: Exporting | None = None
        self.recorder = MemoryRecorder(service, chance=chance)
        self._reporter = report.Reporter(self.recorder)

    def adopt(self, policy: TelemetryPolicy) -> None:
        """Keep what another policy says from now on."""
        self.recorder.sampling.adopt(policy)
        level = policy.log_level or self._config.log_level
        if level != self._level:
            self._level = level
            logs.set_level(level)

    def start(self) -> None:
        """Begin to export, where something is to be exported."""
        exporters = [*self._given, *self._collector()]
        if exporters:
            self._exporting = Exporting(exporters, resource_of(*self._own), self.recorder.edges, self.counts)

    @property
    def dropped(self) -> int:
        """How many spans there was no room for."""
        return self.recorder.dropped + (self._exporting.dropped if self._exporting is not None else 0)

    def counts(self) -> dict[str, int]:
        """Return what this process counts besides its edges, by metric."""
        return {names.DROPPED: self.dropped, names.COPIES_DROPPED: self.recorder.copies_dropped}

    def _collector(self) -> list[SpanExporter | MetricReader]:
        if not self._config.otlp:
            return []
        try:
            return otlp(self._config.otlp)
        except ImportError as error:
            self._log.warning("otlp_not_installed", error=str(error), next="pip install 'crossply[otlp]'")
            return []

    async def step(self, send: Callable[[bytes], bool]) -> None:
        """Wait, take what was recorded, and report every other time."""
        await asyncio.sleep(_TAKE_EVERY)
        self._take()
        self._takes += 1
        if self._takes % _REPORT_EVERY == 0:
            self.tell(send)

    def tell(self, send: Callable[[bytes], bool]) -> None:
        """Report what happened since the last time; what the wire drops is not told again."""
        said = self._reporter.report()
        if said is not None:
            send(report.encode(said))

    def _take(self) -> None:
        spans = self.recorder.take(self._now, time.time_ns)
        if self._exporting is not None:
            self._exporting.take(spans)
        self._reporter.take(spans)

    async def aclose(self, send: Callable[[bytes], bool]) -> None:
        """Report and export what is left."""
        self._take()
        self.tell(send)
        if self._exporting is not None:
            exporting, self._exporting = self._exporting, None
            await exporting.aclose()
