"""May this caller do that: a deny that speaks of it, else an allow that covers it, else no."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from crossply_policy.access.rules import Access, Rule
from crossply_policy.access.trie import Leaf, Node
from crossply_policy.http_path import decoded, path_fault

_ANYONE: Final = "*"
_PARAMETERS: Final = re.compile(r";[^/]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as its verified credential says; never what a message claims."""

    service: str
    identity: str = ""
    claims: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The outcome, and the name of the `Access` document that made it; empty where none did, which denies.

    The other two are what it would be if every document in audit mode decided as well.
    """

    allowed: bool
    rule: str
    audit_allowed: bool
    audit_rule: str


REFUSED: Final = Decision(allowed=False, rule="", audit_allowed=False, audit_rule="")
"""What nobody allows."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the rules say of one caller at one endpoint; of a call through a bridge its path is looked at as well.

    `plain` is the decision on a call without a path.
    """

    rules: tuple[Rule, ...]
    plain: Decision

    def at(self, path: str) -> Decision:
        """Decide a call with an HTTP path; its query may follow.

        A path that is not in normal form is denied whatever the rules: applications read such paths in several ways.
        """
        raw = path.partition("?")[0]
        if path_fault(raw):
            return REFUSED
        if all(rule.paths is None for rule in self.rules):
            return self.plain
        return _decide(self.rules, _forms(decoded(raw)))


def standing(access: Access, caller: Caller, service: str, endpoint: str) -> Standing:
    """Return what the rules say of a caller at an endpoint, to decide many calls by."""
    leaves = list(access.calls.covering((service, endpoint)))
    rules = tuple(rule for rule in _found(leaves, leaves, caller) if rule.claimed(caller.claims))
    return Standing(rules, _decide(rules, ()))


def may_call(access: Access, caller: Caller, service: str, endpoint: str, path: str | None = None) -> Decision:
    """Decide one call; `path` is the HTTP path of one through a bridge, its query may follow."""
    found = standing(access, caller, service, endpoint)
    return found.plain if path is None else found.at(path)


def may_publish(access: Access, caller: Caller, channel: str) -> Decision:
    """Decide whether the caller may publish on a channel."""
    return _of_channel(access.publishes, caller, channel)


def may_subscribe(access: Access, caller: Caller, pattern: str) -> Decision:
    """Decide whether the caller may have the events of a channel pattern: of all it names."""
    return _of_channel(access.subscribes, caller, pattern)


def _of_channel(node: Node, caller: Caller, channel: str) -> Decision:
    tokens = channel.split(".")
    found = _found(node.covering(tokens), node.meeting(tokens), caller)
    return _decide([rule for rule in found if rule.claimed(caller.claims)], ())


def _found(covering: Iterable[Leaf], meeting: Iterable[Leaf], caller: Caller) -> Iterator[Rule]:
    """Yield the rules that name the caller: the allowing ones that cover what is asked, the denying that meet it."""
    callers = (caller.service, caller.identity, _ANYONE)
    for leaf in covering:
        yield from (rule for name in callers for rule in leaf.get(name, ()) if rule.allow)
    for leaf in meeting:
        yield from (rule for name in callers for rule in leaf.get(name, ()) if not rule.allow)


def _decide(rules: Iterable[Rule], forms: tuple[str, ...]) -> Decision:
    matched = [rule for rule in rules if rule.speaks_of(forms)]
    allowed, name = _outcome([rule for rule in matched if not rule.audit])
    audit_allowed, audit_name = _outcome(matched)
    return Decision(allowed=allowed, rule=name, audit_allowed=audit_allowed, audit_rule=audit_name)


def _outcome(rules: list[Rule]) -> tuple[bool, str]:
    """Return the outcome and who made it; of several the first by name, so that the order means nothing."""
    denying = [rule.name for rule in rules if not rule.allow]
    if denying:
        return False, min(denying)
    return bool(rules), min((rule.name for rule in rules), default="")


def _forms(path: str) -> tuple[str, ...]:
    """Return the path, and what applications make of it: decoded again, without `;parameters` and final slash."""
    bare = decoded(path)
    if ";" in bare:
        bare = _PARAMETERS.sub("", bare)
    return path, bare, bare.rstrip("/") or "/"
