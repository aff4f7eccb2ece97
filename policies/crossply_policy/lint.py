"""What is allowed and probably not meant: warnings with codes, over all documents and who is known to live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from crossply_policy.access import doubts
from crossply_policy.documents import Document
from crossply_policy.idle import idle
from crossply_policy.rate_limit import RateLimitSpec
from crossply_policy.redirects import circles
from crossply_policy.security import SecuritySpec
from crossply_policy.shapes import listed
from crossply_policy.traffic import MatchSpec, RouteSpec, TrafficSpec

Living: TypeAlias = Mapping[str, Sequence[Mapping[str, str]]]
"""The labels of each living instance, its version and zone among them, by service."""

CODES: Final[Mapping[str, str]] = {
    "CP101": "a subset is named that the document does not define",
    "CP102": "no living instance has the labels of a subset",
    "CP103": "a route is never reached, as an earlier one matches all that it does",
    "CP104": "redirects lead in a circle",
    "CP105": "a mirror copies calls to where they go anyway",
    "CP106": "nobody runs a service that is meant",
    "CP107": "access is said of a service that nobody knows",
    "CP108": "an allow of which a deny leaves nothing",
    "CP109": "a section does nothing, as the broker chooses the instances",
    "CP201": "messages may travel unsealed",
}
"""Every code, with what it says in general."""
_IDLE: Final = "does nothing, as balance.method is queue wherever it holds: the broker chooses; use another method"
_OF_SERVICES: Final = frozenset({"Service", "Traffic"})
"""The kinds whose documents are named after a service."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One warning: its code, the document (`kind/name`), the path within, and what is doubtful and why."""

    code: str
    document: str
    path: str
    detail: str

    def __str__(self) -> str:
        return f"{self.code} {self.document} {self.path}: {self.detail}"


def lint(documents: Iterable[Document], living: Living | None = None) -> tuple[Doubt, ...]:
    """Return the warnings of documents as they stand together, by document and place.

    Where `living` is None nothing is said about who runs what.
    """
    every = sorted(documents, key=lambda one: one.key)
    traffic = {one.name: one.spec for one in every if isinstance(one.spec, TrafficSpec)}
    found: list[Doubt] = []
    for name, spec in traffic.items():
        for check in (_undefined, _shadowed, _doubled):
            found += check(name, spec)
        if living is not None:
            found += [*_unlabelled(name, spec, living), *_absent(name, spec, living)]
    found += [doubt for one in every for doubt in _unsealed(one)]
    found += [doubt for one in every if living is not None for doubt in _unserved(one, living)]
    if living is not None:
        known = {*living, *(one.name for one in every if one.kind in _OF_SERVICES)}
        found += [Doubt("CP107", *one) for one in doubts.unknown(every, known)]
    found += [Doubt("CP108", *one) for one in doubts.unreachable(every)]
    found += [
        Doubt("CP104", f"Traffic/{one.service}", f"spec.routes[{one.number}].redirect", f"leads in a circle: {one.way}")
        for one in circles(traffic)
    ]
    found += [Doubt("CP109", one.document, one.path, _IDLE) for one in idle(every)]
    return tuple(sorted(found, key=lambda one: (one.document, one.path, one.code)))


def _undefined(name: str, spec: TrafficSpec) -> Iterator[Doubt]:
    for path, subset in _named(spec):
        if subset not in spec.subsets:
            known = f"it defines {listed(spec.subsets, 'and')}" if spec.subsets else "it defines none"
            yield _doubt("CP101", name, path, f"names the subset {subset}, which nobody defines; {known}")


def _named(spec: TrafficSpec) -> Iterator[tuple[str, str]]:
    """Yield every place where a subset is named, and which."""
    for number, route in enumerate(spec.routes):
        for subset in route.split or ():
            yield f"spec.routes[{number}].split.{subset}", subset
        if route.mirror is not None and route.mirror.subset is not None:
            yield f"spec.routes[{number}].mirror.subset", route.mirror.subset
    for number, subset in enumerate(spec.failover):
        yield f"spec.failover[{number}]", subset


def _unlabelled(name: str, spec: TrafficSpec, living: Living) -> Iterator[Doubt]:
    instances = living.get(name, ())
    for subset, labels in spec.subsets.items():
        if instances and not any(labels.items() <= each.items() for each in instances):
            said = listed([f"{label}={value}" for label, value in labels.items()], "and")
            yield _doubt("CP102", name, f"spec.subsets.{subset}", f"no living instance of {name} has {said}")


def _shadowed(name: str, spec: TrafficSpec) -> Iterator[Doubt]:
    for number, route in enumerate(spec.routes):
        for earlier, other in enumerate(spec.routes[:number]):
            # A redirect within the service is passed over by the calls that are where it leads to already.
            stays = other.redirect is not None and other.redirect.partition(".")[0] == name
            if not stays and _covers(other, route):
                detail = f"is never reached: routes[{earlier}] matches all that it does"
                yield _doubt("CP103", name, f"spec.routes[{number}]", detail)
                break


def _covers(earlier: RouteSpec, later: RouteSpec) -> bool:
    one, other = earlier.match or MatchSpec(), later.match or MatchSpec()
    return (
        _holds(one.endpoints, other.endpoints)
        and _holds(one.callers, other.callers)
        and one.metadata.items() <= other.metadata.items()
    )


def _holds(names: frozenset[str] | None, others: frozenset[str] | None) -> bool:
    return names is None or (others is not None and others <= names)


def _doubled(name: str, spec: TrafficSpec) -> Iterator[Doubt]:
    for number, route in enumerate(spec.routes):
        to = route.mirror.to if route.mirror is not None else None
        if to is None:
            continue
        service, _, endpoint = to.partition(".")
        meant = (route.match or MatchSpec()).endpoints
        if service == name and (not endpoint or meant is None or endpoint in meant):
            detail = f"copies calls to {to}, which they go to anyway; name a subset, or another service"
            yield _doubt("CP105", name, f"spec.routes[{number}].mirror.to", detail)


def _absent(name: str, spec: TrafficSpec, living: Living) -> Iterator[Doubt]:
    if not living.get(name):
        yield _doubt("CP106", name, "name", f"no instance of {name} is known")
    for number, route in enumerate(spec.routes):
        targets = {"redirect": route.redirect, "mirror.to": route.mirror.to if route.mirror is not None else None}
        for path, target in targets.items():
            service = (target or name).partition(".")[0]
            if service != name and not living.get(service):
                yield _doubt("CP106", name, f"spec.routes[{number}].{path}", f"no instance of {service} is known")


def _unserved(document: Document, living: Living) -> Iterator[Doubt]:
    """Yield the service of a rate limit that nobody runs."""
    if isinstance(document.spec, RateLimitSpec) and document.spec.target is not None:
        service = document.spec.target.service
        if service is not None and not living.get(service):
            yield Doubt("CP106", document.key, "spec.for.service", f"no instance of {service} is known")


def _unsealed(document: Document) -> Iterator[Doubt]:
    """Yield what lets the broker read, and write, what services say to each other."""
    if not isinstance(document.spec, SecuritySpec):
        return
    if document.spec.encryption == "off":
        yield Doubt("CP201", document.key, "spec.encryption", "whoever runs the broker reads all, and may write it")
    if document.spec.encryption == "permissive":
        detail = "unsealed messages are taken as well: whoever runs the broker may write them; say strict at the end"
        yield Doubt("CP201", document.key, "spec.encryption", detail)


def _doubt(code: str, name: str, path: str, detail: str) -> Doubt:
    return Doubt(code, f"Traffic/{name}", path, detail)
