"""`Access` documents, compiled: one trie for calls, one for each thing that is done with a channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from crossply_policy.access.spec import AccessSpec, TargetSpec
from crossply_policy.access.trie import Node
from crossply_policy.documents import Document
from crossply_policy.http_path import decoded

_HTTP: Final = "http-"
_NOTHING: Final = ("*",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """The HTTP paths that a rule speaks of, escapes decoded: exact ones, and what begins with a tail's stem."""

    exact: frozenset[str]
    stems: tuple[str, ...]

    def match(self, path: str) -> bool:
        """Return whether the decoded path is among them."""
        return path in self.exact or path.startswith(self.stems)

    def cover(self, other: Paths) -> bool:
        """Return whether all that the other speaks of is among them."""
        return all(map(self.match, other.exact)) and all(stem.startswith(self.stems) for stem in other.stems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a document says of one target; `name` is the document's."""

    name: str
    allow: bool
    audit: bool
    paths: Paths | None
    claims: tuple[tuple[str, frozenset[str]], ...]

    def claimed(self, claims: Mapping[str, str]) -> bool:
        """Return whether these claims are those that it asks for."""
        return all(claims.get(name) in accepted for name, accepted in self.claims)

    def speaks_of(self, forms: tuple[str, ...]) -> bool:
        """Return whether it speaks of a path, given in the forms an application may read; of none without a form."""
        # What an application may read in several ways is allowed as it stands only, and denied in any way.
        paths = self.paths
        return paths is None or any(map(paths.match, forms[:1] if self.allow else forms))


@dataclass(frozen=True, slots=True)
class Access:
    """All that was said about access; made by `compile_access`, never changed."""

    calls: Node = field(default_factory=Node)
    publishes: Node = field(default_factory=Node)
    subscribes: Node = field(default_factory=Node)


def compile_access(documents: Iterable[Document]) -> Access:
    """Return the `Access` documents among these, compiled; their order means nothing."""
    access = Access()
    for document in sorted(documents, key=lambda one: one.name):
        if isinstance(document.spec, AccessSpec):
            for target in document.spec.to or ():
                _add(access, document.name, document.spec, target)
    return access


def _add(access: Access, name: str, spec: AccessSpec, target: TargetSpec) -> None:
    rule = Rule(
        name=name,
        allow=spec.effect == "allow",
        audit=spec.mode == "audit",
        paths=paths_of(target),
        claims=tuple((spec.when or {}).items()),
    )
    callers = spec.callers or ()
    if target.channel is not None:
        tokens = target.channel.split(".")
        for action in target.actions or ():
            (access.publishes if action == "publish" else access.subscribes).add(tokens, callers, rule)
    elif target.service is not None:
        for endpoint in endpoints_of(target):
            access.calls.add((target.service, endpoint), callers, rule)


def endpoints_of(target: TargetSpec) -> Iterable[str]:
    """Return the endpoints that a target of a service names; `*` for all."""
    if target.methods is not None:
        return [f"{_HTTP}{method.lower()}" for method in target.methods]
    return target.endpoints if target.endpoints is not None else _NOTHING


def paths_of(target: TargetSpec) -> Paths | None:
    """Return the HTTP paths that a target names; None for all."""
    if target.paths is None:
        return None
    said = [decoded(path) for path in target.paths]
    stems = tuple(sorted(path[:-1] for path in said if path.endswith("/*")))
    return Paths(exact=frozenset(path for path in said if not path.endswith("/*")), stems=stems)
