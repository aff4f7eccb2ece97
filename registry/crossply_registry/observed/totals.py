"""Everything that was reported since this process began, by edge, for scrapers that count by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply.errors import Code
from crossply.telemetry.edge import Edge
from crossply.telemetry.names import OTHER

if TYPE_CHECKING:
    from crossply.telemetry.report import Counted
    from crossply_registry.observed.window import Key

_MOST_EDGES: Final = 2_000


class Totals:
    """Edges that only grow; those beyond ``most`` are counted as one a side."""

    def __init__(self, *, most: int = _MOST_EDGES) -> None:
        self._most = most
        self._edges: dict[Key, Edge] = {}

    def add(self, counted: Counted) -> None:
        """Take what a report says of one edge and outcome."""
        key = (counted.side, counted.caller, counted.callee, counted.operation)
        if key not in self._edges and len(self._edges) >= self._most:
            key = (counted.side, OTHER, OTHER, OTHER)
        edge = self._edges.get(key)
        if edge is None:
            edge = self._edges[key] = Edge(*key)
        durations = edge.ok if counted.code is Code.OK else edge.failed(counted.code)
        durations.merge(counted.buckets, counted.seconds)

    def edges(self) -> list[Edge]:
        """Return them all."""
        return list(self._edges.values())
