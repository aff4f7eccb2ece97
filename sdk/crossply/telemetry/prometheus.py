"""The same metrics in Prometheus' text format, for whoever serves HTTP: bridge, registry, or a service of yours.

Needs the extra ``prometheus``; names are those of OpenTelemetry as its specification turns them into Prometheus'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from crossply.telemetry.histogram import BOUNDS, exported
from crossply.telemetry.red import ABOUT, durations, outcomes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from crossply.telemetry.edge import Edge

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


def text(
    edges: Iterable[Edge], gauges: Mapping[str, tuple[str, float]], counts: Mapping[str, int] | None = None
) -> bytes:
    """Return what a scrape of ``edges``, of ``gauges`` (what each means, and its value) and of ``counts`` answers."""
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(list(edges), gauges, counts or {}))
    return generate_latest(registry)


class _Collector:
    """What prometheus_client asks for the metrics."""

    def __init__(self, edges: list[Edge], gauges: Mapping[str, tuple[str, float]], counts: Mapping[str, int]) -> None:
        self._edges = edges
        self._gauges = gauges
        self._counts = counts

    def collect(self) -> Iterator[Any]:
        """Yield every metric."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        yield from self._durations()
        yield from self._outcomes()
        for name, (about, value) in self._gauges.items():
            yield GaugeMetricFamily(name, about, value)
        for metric, count in self._counts.items():
            yield CounterMetricFamily(_plain(metric), ABOUT[metric], count)

    def _durations(self) -> Iterable[Any]:
        from prometheus_client.core import HistogramMetricFamily

        families: dict[str, Any] = {}
        for metric, attributes, counted in durations(self._edges):
            family = families.get(metric)
            if family is None:
                labels = [_plain(name) for name in attributes]
                family = HistogramMetricFamily(f"{_plain(metric)}_seconds", ABOUT[metric], labels=labels)
                families[metric] = family
            family.add_metric(list(attributes.values()), _cumulative(exported(counted.buckets)), counted.seconds)
        return families.values()

    def _outcomes(self) -> Iterable[Any]:
        from prometheus_client.core import CounterMetricFamily

        families: dict[str, Any] = {}
        for metric, attributes, count in outcomes(self._edges):
            # The two sides of events say different things of themselves; a family has one set of labels.
            family = families.get(metric)
            if family is None:
                family = families[metric] = CounterMetricFamily(_plain(metric), ABOUT[metric])
            family.add_sample(
                f"{_plain(metric)}_total", {_plain(name): said for name, said in attributes.items()}, count
            )
        return families.values()


def _plain(name: str) -> str:
    return name.replace(".", "_")


def _cumulative(counts: list[int]) -> list[tuple[str, float]]:
    ends = [*(f"{bound!r}" for bound in BOUNDS), "+Inf"]
    total = 0
    made: list[tuple[str, float]] = []
    for end, count in zip(ends, counts, strict=True):
        total += count
        made.append((end, total))
    return made
