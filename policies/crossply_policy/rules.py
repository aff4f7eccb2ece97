"""A `Traffic` document to the rules of a snapshot, and the rules to the routes that one caller's calls may take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from crossply_policy.snapshot import Route, Rule, Snapshot
from crossply_policy.traffic import (
    AbortPolicy,
    Condition,
    DelayPolicy,
    FaultPolicy,
    MatchSpec,
    MirrorPolicy,
    TrafficPolicy,
    operation_at,
)

if TYPE_CHECKING:
    from crossply_policy.traffic import FaultSpec, MirrorSpec, RouteSpec, RouteTimeoutSpec, TrafficSpec

HOPS: Final = 8
"""The most redirects that one call follows."""


class Conditional(NamedTuple):
    """A route, what a call's metadata must say for it (nothing: it is for all that come so far), and whence it is."""

    condition: Condition
    route: Route
    rule: Rule | None = None


def rules_of(document: str, spec: TrafficSpec) -> tuple[Rule, ...]:
    """Return the rules of a document (`kind/name`) in their order; none where it asks for nothing."""
    whole = TrafficPolicy(
        subsets=MappingProxyType({name: frozenset(labels.items()) for name, labels in spec.subsets.items()}),
        failover=spec.failover,
    )
    rules = [_rule(document, number, route, whole) for number, route in enumerate(spec.routes)]
    if spec.failover:
        # What no route matches fails over as well.
        source = f"{document} failover"
        rules.append(Rule(source=source, endpoints=None, callers=None, condition=(), timeout=None, traffic=whole))
    return tuple(rules)


def routes_for(
    snapshot: Snapshot, service: str, endpoint: str, caller: str, via: Sequence[str] = ()
) -> tuple[Conditional, ...]:
    """Return the routes of a caller's calls to an endpoint: the first whose condition holds; the last has none.

    `via` are the operations that redirects have led away from: a redirect holds for no call that is or was where
    it leads to, nor for one that has followed eight.
    """
    route = snapshot.route(service, endpoint)
    found: list[Conditional] = []
    for rule in _meant(snapshot.traffic.get(service, ()), service, endpoint, caller, via):
        found.append(Conditional(rule.condition, _with(route, rule.traffic, rule.timeout), rule))
        if not rule.condition:
            return tuple(found)
    return (*found, Conditional((), route))


def chosen(routes: Sequence[Conditional], metadata: Mapping[str, str]) -> Conditional:
    """Return the first of `routes_for` whose condition holds for a call's metadata."""
    return next(one for one in routes if all(metadata.get(name) == value for name, value in one.condition))


def _meant(rules: Sequence[Rule], service: str, endpoint: str, caller: str, via: Sequence[str]) -> Iterator[Rule]:
    been = {*via, f"{service}.{endpoint}"}
    for rule in rules:
        target = rule.traffic.redirect
        if target is not None and (len(via) >= HOPS or operation_at(target, endpoint) in been):
            continue
        if endpoint in (rule.endpoints or {endpoint}) and caller in (rule.callers or {caller}):
            yield rule


def _with(route: Route, traffic: TrafficPolicy, said: RouteTimeoutSpec | None) -> Route:
    if said is None:
        return replace(route, traffic=traffic)
    total = route.timeout.total if said.total is None else said.total
    attempt = route.timeout.attempt if said.attempt is None else said.attempt
    return replace(route, traffic=traffic, timeout=replace(route.timeout, total=total, attempt=attempt))


def _rule(document: str, number: int, spec: RouteSpec, whole: TrafficPolicy) -> Rule:
    match = spec.match or MatchSpec()
    return Rule(
        source=f"{document} routes[{number}]",
        endpoints=match.endpoints,
        callers=match.callers,
        condition=tuple(match.metadata.items()),
        timeout=spec.timeout,
        traffic=replace(
            whole,
            split=spec.split,
            mirror=_mirror(spec.mirror),
            fault=_fault(document, spec.fault),
            redirect=spec.redirect,
        ),
    )


def _mirror(said: MirrorSpec | None) -> MirrorPolicy | None:
    if said is None or said.percentage == 0:
        return None
    percentage = MirrorPolicy().percentage if said.percentage is None else said.percentage
    return MirrorPolicy(to=said.to, subset=said.subset, percentage=percentage)


def _fault(document: str, said: FaultSpec | None) -> FaultPolicy | None:
    """Return what is to be done to attempts; a share of 0 is none."""
    if said is None:
        return None
    abort, delay = said.abort, said.delay
    fault = FaultPolicy(
        document=document,
        abort=AbortPolicy(percentage=abort.percentage, code=abort.code or "") if abort and abort.percentage else None,
        delay=DelayPolicy(percentage=delay.percentage, duration=delay.duration or 0.0)
        if delay and delay.percentage
        else None,
    )
    return fault if fault.abort or fault.delay else None
