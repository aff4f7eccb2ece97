"""Documents to one snapshot: Defaults, then Service, then endpoint, field by field, over the floor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from types import MappingProxyType
from typing import Any

from crossply_policy.access.rules import compile_access
from crossply_policy.access.spec import AccessSpec
from crossply_policy.defaults import FLOOR
from crossply_policy.documents import DefaultsSpec, Document, ServiceSpec, TelemetryPolicy, TelemetrySpec
from crossply_policy.faults import Fault, PolicyInvalid
from crossply_policy.rate_limit import RateLimitPolicy, RateLimits, RateLimitSpec
from crossply_policy.rules import rules_of
from crossply_policy.security import Securities, SecuritySpec
from crossply_policy.snapshot import MESH, Route, Rule, Snapshot
from crossply_policy.traffic import TrafficSpec


def compile_snapshot(
    documents: Iterable[Document], *, generation: int, revision: int, guarded: bool = False
) -> Snapshot:
    """Resolve documents into one snapshot; raise PolicyInvalid where two have the same kind and name.

    `guarded` says that an `Access` document is in force which is not among these.
    """
    by_key = unique(documents)
    floor = overlaid(FLOOR, *(one.spec for one in by_key.values() if isinstance(one.spec, DefaultsSpec)))
    services: dict[str, Route] = {}
    endpoints: dict[tuple[str, str], Route] = {}
    traffic: dict[str, tuple[Rule, ...]] = {}
    for document in by_key.values():
        if isinstance(document.spec, ServiceSpec):
            whole = overlaid(floor, document.spec)
            services[document.name] = whole
            for name, spec in document.spec.endpoints.items():
                endpoints[document.name, name] = overlaid(whole, spec)
        elif isinstance(document.spec, TrafficSpec) and (rules := rules_of(document.key, document.spec)):
            traffic[document.name] = rules
    return Snapshot(
        generation=generation,
        revision=revision,
        default=floor,
        services=MappingProxyType(services),
        endpoints=MappingProxyType(endpoints),
        traffic=MappingProxyType(traffic),
        telemetry=_telemetry(by_key),
        rate_limits=rate_limits(by_key.values()),
        security=securities(by_key.values()),
        access=compile_access(by_key.values()),
        guarded=guarded or any(isinstance(one.spec, AccessSpec) for one in by_key.values()),
    )


def rate_limits(documents: Iterable[Document]) -> RateLimits:
    """Return the limits that documents say."""
    return RateLimits.of(
        RateLimitPolicy.of(one.name, one.spec) for one in documents if isinstance(one.spec, RateLimitSpec)
    )


def securities(documents: Iterable[Document]) -> Securities:
    """Return what documents say of the protection of messages."""
    return Securities.of({one.name: one.spec for one in documents if isinstance(one.spec, SecuritySpec)})


def _telemetry(by_key: Mapping[str, Document]) -> Mapping[str, TelemetryPolicy]:
    """Return what each service keeps, over what `mesh` says for all; that stands under its own name."""
    said = {one.name: one.spec for one in by_key.values() if isinstance(one.spec, TelemetrySpec)}
    floor = overlaid(TelemetryPolicy(), *(spec for name, spec in said.items() if name == MESH))
    services = {name: overlaid(floor, spec) for name, spec in said.items() if name != MESH}
    return MappingProxyType({MESH: floor, **services})


def unique(documents: Iterable[Document]) -> dict[str, Document]:
    """Return the documents by `kind/name`; raise PolicyInvalid where two share it."""
    every = tuple(documents)
    by_key = {one.key: one for one in every}
    if len(by_key) < len(every):
        times = Counter(one.key for one in every)
        twice = (key for key, count in times.items() if count > 1)
        raise PolicyInvalid(Fault(key, "is there more than once; keep one document of it") for key in twice)
    return by_key


def overlaid(policy: Any, *specs: object) -> Any:
    """Return the policy with every field that a spec says, field by field in sections; later specs win."""
    for spec in specs:
        said = {
            one.name: overlaid(getattr(policy, one.name), value) if is_dataclass(value) else value
            for one in fields(policy)
            if (value := getattr(spec, one.name, None)) is not None
        }
        policy = replace(policy, **said) if said else policy
    return policy
