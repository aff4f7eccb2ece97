"""What a user's program exports to: instances that serve one run of a mesh, or a function that makes them for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from crossply.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace.export import SpanExporter

    Exporters: TypeAlias = Sequence[SpanExporter | MetricReader]
    GivenExporters: TypeAlias = Exporters | Callable[[], Exporters]


class Given:
    """Hands out exporters, each once: the SDK's cannot be used again after they were shut down."""

    def __init__(self, exporters: GivenExporters) -> None:
        self._exporters = exporters
        self._used = False

    def __call__(self) -> Exporters:
        """Return those of the next run; raise ``ConfigError`` when they ended with the one before."""
        if callable(self._exporters):
            return self._exporters()
        if self._used and self._exporters:
            raise ConfigError(["exporters were shut down when this mesh stopped: give it a function that makes them"])
        self._used = True
        return self._exporters
