"""What is doubtful about `Access` documents: services that nobody knows, and allows that a deny leaves nothing of."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Final, NamedTuple

from crossply_policy.access.rules import Access, Paths, Rule, compile_access, endpoints_of, paths_of
from crossply_policy.access.spec import AccessSpec, TargetSpec
from crossply_policy.access.trie import Leaf
from crossply_policy.documents import Document

_SERVICE: Final = "/svc/"


class Doubtful(NamedTuple):
    """What is doubtful, and the document (`kind/name`) and place where it stands."""

    document: str
    path: str
    detail: str


def unknown(documents: Iterable[Document], known: Container[str]) -> Iterator[Doubtful]:
    """Yield each service that is named as a target and is not known."""
    for document in documents:
        if isinstance(document.spec, AccessSpec):
            named = {target.service for target in document.spec.to or ()} - {None, "*"}
            for service in sorted(filter(None, named)):
                if service not in known:
                    yield Doubtful(
                        document.key, "spec.to", f"names the service {service}, which neither runs nor has a document"
                    )


def unreachable(documents: Iterable[Document]) -> Iterator[Doubtful]:
    """Yield each target of an allow of which a deny leaves nothing, whoever asks and whatever for."""
    every = [one for one in documents if isinstance(one.spec, AccessSpec)]
    denies = compile_access(one for one in every if isinstance(one.spec, AccessSpec) and one.spec.effect == "deny")
    for document in every:
        spec = document.spec
        if isinstance(spec, AccessSpec) and spec.effect == "allow":
            for target in spec.to or ():
                if by := _denied(denies, spec, target):
                    yield Doubtful(
                        document.key, "spec.to", f"what it allows at {_shown(target)} is denied by {by}, whoever asks"
                    )


def _denied(denies: Access, spec: AccessSpec, target: TargetSpec) -> str:
    """Return a deny that covers a part of the target, if every part is covered by one; else nothing."""
    paths = paths_of(target)
    by = ""
    for leaves in _places(denies, target):
        for caller in sorted(spec.callers or ()):
            found = [rule.name for rule in _of(leaves, caller) if _covers(rule, paths, audit=spec.mode == "audit")]
            if not found:
                return ""
            by = by or min(found)
    return by


def _places(denies: Access, target: TargetSpec) -> Iterator[list[Leaf]]:
    """Yield what speaks of all of each thing that the target names."""
    if target.channel is not None:
        tokens = target.channel.split(".")
        for action in sorted(target.actions or ()):
            yield list((denies.publishes if action == "publish" else denies.subscribes).covering(tokens))
    elif target.service is not None:
        for endpoint in sorted(endpoints_of(target)):
            yield list(denies.calls.covering((target.service, endpoint)))


def _of(leaves: Iterable[Leaf], caller: str) -> Iterator[Rule]:
    names = {caller, "*", caller.rpartition(_SERVICE)[2]}
    return (rule for leaf in leaves for name in names for rule in leaf.get(name, ()))


def _covers(rule: Rule, paths: Paths | None, *, audit: bool) -> bool:
    """Return whether a deny holds for all that is asked at these paths, whatever the caller's credential claims."""
    if rule.claims or (rule.audit and not audit):
        return False
    return rule.paths is None or (paths is not None and rule.paths.cover(paths))


def _shown(target: TargetSpec) -> str:
    if target.channel is not None:
        return f"{target.channel} ({', '.join(sorted(target.actions or ()))})"
    named = ", ".join(sorted(target.methods or target.endpoints or ()))
    return f"{target.service} ({named})" if named else f"{target.service}"
