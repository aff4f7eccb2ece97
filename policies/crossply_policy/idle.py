"""Sections that do nothing, as the broker chooses the instances where they hold: `balance.method` is `queue` there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple, TypeAlias

from crossply_policy.compile import overlaid
from crossply_policy.defaults import FLOOR
from crossply_policy.documents import DefaultsSpec, Document, EndpointSpec, ServiceSpec
from crossply_policy.snapshot import Route
from crossply_policy.traffic import TrafficSpec

_Said: TypeAlias = DefaultsSpec | ServiceSpec | EndpointSpec
_QUEUE: Final = "queue"


class Idle(NamedTuple):
    """A section or field of a document (`kind/name`) that nothing goes by."""

    document: str
    path: str


def idle(documents: Iterable[Document]) -> Iterator[Idle]:
    """Yield what is said of the choice of instances and holds only where the broker makes it.

    A service whose calls have subsets is left out: the caller chooses in these whatever the method is.
    """
    every = tuple(documents)
    floor = overlaid(FLOOR, *(one.spec for one in every if isinstance(one.spec, DefaultsSpec)))
    steered = {one.name for one in every if isinstance(one.spec, TrafficSpec) and _has_subsets(one.spec)}
    services = {
        one.key: one.spec
        for one in every
        if isinstance(one.spec, ServiceSpec)
        and one.name not in steered
        and (_method(floor) == _QUEUE or _says(one.spec))
    }
    wholes = {key: overlaid(floor, spec) for key, spec in services.items()}
    others = [_queued(wholes[key], spec) for key, spec in services.items()]
    for one in every:
        if isinstance(one.spec, DefaultsSpec) and not steered and _method(floor) == _QUEUE and all(others):
            yield from (Idle(one.key, f"spec.{path}") for path in _sections(one.spec))
    for key, spec in services.items():
        yield from _of_service(key, wholes[key], spec)


def _of_service(key: str, whole: Route, spec: ServiceSpec) -> Iterator[Idle]:
    if _queued(whole, spec):
        yield from (Idle(key, f"spec.{path}") for path in _sections(spec))
    for name, endpoint in spec.endpoints.items():
        if _method(overlaid(whole, endpoint)) == _QUEUE:
            yield from (Idle(key, f"spec.endpoints.{name}.{path}") for path in _sections(endpoint))


def _queued(whole: Route, spec: ServiceSpec) -> bool:
    """Whether the broker chooses for every endpoint of a service."""
    endpoints: Mapping[str, EndpointSpec] = spec.endpoints
    return all(_method(route) == _QUEUE for route in (whole, *(overlaid(whole, one) for one in endpoints.values())))


def _says(spec: ServiceSpec) -> bool:
    """Whether a document leaves the choice to the broker anywhere; of many documents few do."""
    every = (spec.balance, *(one.balance for one in spec.endpoints.values()))
    return any(said is not None and said.method == _QUEUE for said in every)


def _method(route: Route) -> str:
    return route.balance.method


def _sections(spec: _Said) -> Iterator[str]:
    """Yield what is said here and is for callers that choose."""
    if spec.outlier is not None and spec.outlier.enabled:
        yield "outlier"
    if spec.warmup is not None:
        yield "warmup"
    if spec.balance is not None:
        yield from (f"balance.{name}" for name in ("zone", "panic") if getattr(spec.balance, name) is not None)


def _has_subsets(spec: TrafficSpec) -> bool:
    return bool(spec.failover) or any(route.split for route in spec.routes)
