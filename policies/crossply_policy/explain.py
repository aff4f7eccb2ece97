"""What holds for one endpoint, value by value, each with the document that said it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Final

from crossply_policy.compile import compile_snapshot, overlaid, rate_limits, unique
from crossply_policy.defaults import FLOOR
from crossply_policy.documents import Document, ServiceSpec, TelemetryPolicy
from crossply_policy.rate_limit import Place
from crossply_policy.rules import chosen, routes_for
from crossply_policy.security import SecurityPolicy
from crossply_policy.snapshot import Rule
from crossply_policy.traffic import RouteTimeoutSpec, TrafficPolicy

BUILT_IN: Final = "built-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """One value in force: its path (`retry.attempts`), and the place that said it."""

    path: str
    value: object
    source: str


def explain(
    documents: Iterable[Document],
    service: str,
    endpoint: str,
    *,
    caller: str = "",
    metadata: Mapping[str, str] | None = None,
) -> tuple[Effective, ...]:
    """Return every value of the endpoint's route, for a caller's calls with such metadata.

    Raise PolicyInvalid as `compile_snapshot` does. A source is `built-in`, a document's `kind/name`, or that and
    `endpoints.<name>`, `routes[<number>]` or `failover`. None as the value of `timeout.attempt` or `idempotent`
    means that the caller derives it; None as that of `traffic`, that no route of a `Traffic` document matches, and as
    that of `admission.limit`, that the callee's configuration says it. The endpoint's rate limits follow, as
    `rate_limits.<name>.<field>`.
    """
    by_key = unique(documents)
    layers = list(_layers(by_key, service, endpoint))
    route = overlaid(FLOOR, *(spec for _, spec in layers))
    if (matched := _matched(by_key, service, endpoint, caller, metadata or {})) is not None:
        traffic, source = matched.traffic, matched.source
        layers.append((source, _Said(timeout=matched.timeout, traffic=traffic)))
        route = overlaid(replace(route, traffic=traffic), _Said(timeout=matched.timeout))
    sources = {path: source for source, spec in layers for path, value in _values(spec) if value is not None}
    routed = (Effective(path=path, value=value, source=sources.get(path, BUILT_IN)) for path, value in _values(route))
    return (*routed, *_limits(by_key, service, endpoint))


def _limits(by_key: dict[str, Document], service: str, endpoint: str) -> Iterator[Effective]:
    """Yield the rate limits of calls to the endpoint, the callee's and then each caller's."""
    limits = rate_limits(by_key.values())
    places: tuple[Place, ...] = ("callee", "caller")
    for policy in (one for at in places for one in limits.calls(service, endpoint, at)):
        key = f"RateLimit/{policy.name}"
        spec = by_key[key].spec
        for name in ("rate", "burst", "per", "scope", "at"):
            yield Effective(
                path=f"rate_limits.{policy.name}.{name}",
                value=getattr(policy, name),
                source=key if getattr(spec, name) is not None else BUILT_IN,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What a route of a `Traffic` document says, in the places of a `Route`."""

    timeout: RouteTimeoutSpec | None = None
    traffic: TrafficPolicy | None = None


def _matched(
    by_key: Mapping[str, Document], service: str, endpoint: str, caller: str, metadata: Mapping[str, str]
) -> Rule | None:
    snapshot = compile_snapshot(by_key.values(), generation=0, revision=0)
    return chosen(routes_for(snapshot, service, endpoint, caller), metadata).rule


def explain_telemetry(documents: Iterable[Document], service: str) -> tuple[Effective, ...]:
    """Return every value of what a service keeps; raise PolicyInvalid as `compile_snapshot` does.

    None as the value of `log_level` means that the process's own configuration says it.
    """
    return _of_process(documents, "Telemetry", service, TelemetryPolicy())


def explain_security(documents: Iterable[Document], service: str) -> tuple[Effective, ...]:
    """Return every value of how a service's messages are protected; raise PolicyInvalid as `compile_snapshot` does.

    None as the value of `encryption` means `strict` where an authority vouches for the process, and else `off`; as that
    of `key_epoch` or `credential_lifetime`, what the authority's configuration says, which bounds them in any case.
    """
    return _of_process(documents, "Security", service, SecurityPolicy())


def _of_process(documents: Iterable[Document], kind: str, service: str, floor: object) -> tuple[Effective, ...]:
    """Return every value of what is said of a service as a whole, over what is said of all."""
    by_key = unique(documents)
    keys = [key for key in (f"{kind}/mesh", f"{kind}/{service}") if key in by_key]
    specs = [by_key[key].spec for key in keys]
    sources = {
        path: key for key, spec in zip(keys, specs, strict=True) for path, value in _values(spec) if value is not None
    }
    policy = overlaid(floor, *specs)
    return tuple(
        Effective(path=path, value=value, source=sources.get(path, BUILT_IN)) for path, value in _values(policy)
    )


def _layers(by_key: dict[str, Document], service: str, endpoint: str) -> Iterator[tuple[str, object]]:
    """Yield what concerns the endpoint, the weakest first."""
    for key in ("Defaults/mesh", f"Service/{service}"):
        if document := by_key.get(key):
            yield key, document.spec
            if isinstance(document.spec, ServiceSpec) and endpoint in document.spec.endpoints:
                yield f"{key} endpoints.{endpoint}", document.spec.endpoints[endpoint]


def _values(section: Any, within: str = "") -> Iterator[tuple[str, Any]]:
    for one in fields(section):
        value = getattr(section, one.name)
        if is_dataclass(value):
            yield from _values(value, f"{within}{one.name}.")
        else:
            yield f"{within}{one.name}", value
