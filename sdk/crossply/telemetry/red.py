"""Rate, errors, duration: what is exported of edges, the same to every format.

Durations do not say the outcome, which would multiply their buckets; the counts beside them do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from crossply.telemetry import names
from crossply.telemetry.histogram import Histogram
from crossply.telemetry.recorder import Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from crossply.telemetry.edge import Edge

_DURATION: Final = {
    Side.CALLER: names.CLIENT_DURATION,
    Side.CALLEE: names.SERVER_DURATION,
    Side.PUBLISHER: names.PUBLISH_DURATION,
    Side.SUBSCRIBER: names.PROCESS_DURATION,
}
_REPORTER: Final = {
    Side.CALLER: "client",
    Side.CALLEE: "server",
    Side.PUBLISHER: "producer",
    Side.SUBSCRIBER: "consumer",
}
_EVENTS: Final = frozenset({Side.PUBLISHER, Side.SUBSCRIBER})
ABOUT: Final = {
    names.CLIENT_DURATION: "How long calls take, as their callers see it.",
    names.SERVER_DURATION: "How long calls take, as their callees see it.",
    names.PUBLISH_DURATION: "How long it takes until the broker has stored an event.",
    names.PROCESS_DURATION: "How long it takes to handle an event.",
    names.CALLS: "Calls by outcome.",
    names.EVENTS: "Events published and handled, by outcome.",
    names.DROPPED: "Spans for which there was no room.",
    names.COPIES_DROPPED: "Copies of calls for which there was no room.",
}
"""What each metric means, in a sentence."""


class Durations(NamedTuple):
    """One series of a histogram."""

    metric: str
    attributes: Mapping[str, str]
    durations: Histogram


class Outcomes(NamedTuple):
    """One series of a counter."""

    metric: str
    attributes: Mapping[str, str]
    times: int


def durations(edges: Iterable[Edge]) -> Iterator[Durations]:
    """Yield how long things took, of each edge that anything happened on."""
    for edge in edges:
        whole = Histogram()
        for _, part in edge.outcomes():
            whole.merge(dict(enumerate(part.buckets)), part.seconds)
        if whole.count:
            yield Durations(_DURATION[edge.side], _attributes(edge), whole)


def outcomes(edges: Iterable[Edge]) -> Iterator[Outcomes]:
    """Yield how often each outcome was, of each edge."""
    for edge in edges:
        metric = names.EVENTS if edge.side in _EVENTS else names.CALLS
        for code, part in edge.outcomes():
            if count := part.count:
                said = {names.OUTCOME: str(code), names.REPORTER: _REPORTER[edge.side]}
                yield Outcomes(metric, _attributes(edge) | said, count)


def method(operation: str) -> str:
    """Return a call's operation as ``rpc.method`` has it: ``orders/create``."""
    return operation.replace(".", "/", 1)


def _attributes(edge: Edge) -> dict[str, str]:
    if edge.side is Side.PUBLISHER:
        return _message(edge, "publish")
    if edge.side is Side.SUBSCRIBER:
        return _message(edge, "process") | {names.MESSAGING_GROUP: edge.callee}
    return {
        names.RPC_SYSTEM: names.SYSTEM,
        names.RPC_METHOD: method(edge.operation),
        names.SOURCE: edge.caller,
        names.DESTINATION: edge.callee,
    }


def _message(edge: Edge, operation: str) -> dict[str, str]:
    return {
        names.MESSAGING_SYSTEM: names.MESSAGING,
        names.MESSAGING_OPERATION: operation,
        names.MESSAGING_DESTINATION: edge.operation,
        names.SOURCE: edge.caller,
    }
