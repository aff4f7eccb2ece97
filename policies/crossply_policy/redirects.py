"""Redirects that lead back to where a call has been, whoever makes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from crossply_policy.traffic import MatchSpec, RouteSpec, TrafficSpec, operation_at

_OTHERS: Final = "*"
"""Stands for the endpoints, and the callers, that no route names."""
_LOOKED_AT: Final = 1_000_000
"""Steps taken at most: a set of documents that needs more is not looked at to its end."""

Steps: TypeAlias = Mapping[str, Mapping[str, int]]
"""For each operation where its redirects lead, and by which route of its service's document."""


@dataclass(frozen=True, slots=True)
class Circle:
    """A redirect from which a call comes back: of which document, the number of its route, and the way round."""

    service: str
    number: int
    way: str


def circles(traffic: Mapping[str, TrafficSpec]) -> list[Circle]:
    """Return the redirects from which some call would come back to where it was, once for each route.

    Conditions on metadata may be met or not. A redirect to the very operation that is called leads nowhere, and
    is none.
    """
    leading = {name: spec for name, spec in traffic.items() if any(one.redirect is not None for one in spec.routes)}
    endpoints = _endpoints(leading)
    found: dict[tuple[str, int], Circle] = {}
    left = _LOOKED_AT
    for caller in sorted(_callers(leading)):
        left -= len(endpoints) * sum(len(spec.routes) for spec in leading.values())
        steps: Steps = _steps(leading, endpoints, caller) if left > 0 else {}
        for service, number, operation, target in _redirects(steps):
            if left <= 0 or (service, number) in found:
                continue
            way, looked_at = _way(steps, target, operation)
            left -= looked_at
            if way:
                shown = " -> ".join(one.removesuffix(f".{_OTHERS}") for one in (operation, *way))
                found[service, number] = Circle(service, number, shown)
    return list(found.values())


def _redirects(steps: Steps) -> Iterator[tuple[str, int, str, str]]:
    """Yield service, route, operation and target of every step."""
    for operation, onward in steps.items():
        for target, number in onward.items():
            yield operation.partition(".")[0], number, operation, target


def _way(steps: Steps, start: str, end: str) -> tuple[list[str], int]:
    """Return a shortest way between two operations, both included, empty where there is none; and the steps taken."""
    ways: dict[str, list[str]] = {start: [start]}
    waiting = [start]
    for operation in waiting:
        if operation == end:
            return ways[operation], len(waiting)
        for target in steps.get(operation, ()):
            if target not in ways:
                ways[target] = [*ways[operation], target]
                waiting.append(target)
    return [], len(waiting)


def _steps(traffic: Mapping[str, TrafficSpec], endpoints: Iterable[str], caller: str) -> Steps:
    """Return where the redirects of a caller's calls lead, from every operation that some call may be at."""
    return {
        f"{service}.{endpoint}": onward
        for service, spec in traffic.items()
        for endpoint in endpoints
        if (onward := dict(_onward(spec, f"{service}.{endpoint}", endpoint, caller)))
    }


def _endpoints(traffic: Mapping[str, TrafficSpec]) -> list[str]:
    """Return the endpoints that are named anywhere, and what stands for the others."""
    routes = [route for spec in traffic.values() for route in spec.routes]
    matched = {endpoint for route in routes for endpoint in _match(route).endpoints or ()}
    targets = {route.redirect.partition(".")[2] for route in routes if route.redirect is not None}
    return sorted({_OTHERS, *matched, *targets} - {""})


def _onward(spec: TrafficSpec, operation: str, endpoint: str, caller: str) -> Iterator[tuple[str, int]]:
    """Yield the targets of the routes that a call may take: up to the first that asks for no metadata."""
    for number, route in enumerate(spec.routes):
        match = _match(route)
        target = operation_at(route.redirect, endpoint) if route.redirect is not None else None
        if endpoint not in (match.endpoints or {endpoint}) or caller not in (match.callers or {caller}):
            continue
        if target != operation:
            if target is not None:
                yield target, number
            if not match.metadata:
                return


def _callers(traffic: Mapping[str, TrafficSpec]) -> set[str]:
    named = (_match(route).callers or () for spec in traffic.values() for route in spec.routes)
    return {_OTHERS, *(caller for callers in named for caller in callers)}


def _match(route: RouteSpec) -> MatchSpec:
    return route.match or MatchSpec()
