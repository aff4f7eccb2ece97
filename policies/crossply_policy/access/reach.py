"""What a connection may reach at all: `Access` as a broker can hold it, which knows services and no messages.

It is never less than what callees decide: conditions on endpoints, paths and claims are theirs, and so is a deny of one
service where every service is allowed. A document in audit mode decides nothing here either.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from crossply_policy.access.decision import Caller
from crossply_policy.access.rules import Access, Rule
from crossply_policy.access.trie import Leaf, Node

ANYONE: Final = "*"
FOREIGN: Final = "foreign"
_IDENTITY: Final = "spiffe://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Services that are called, and that call; channel patterns; `*` for every service.

    `takes` are the patterns whose events the service asked for and may have, `hears` those it may have.
    """

    callees: frozenset[str] = field(default_factory=frozenset[str])
    callers: frozenset[str] = field(default_factory=frozenset[str])
    publishes: frozenset[str] = field(default_factory=frozenset[str])
    takes: frozenset[str] = field(default_factory=frozenset[str])
    hears: frozenset[str] = field(default_factory=frozenset[str])


def reach(access: Access, who: Caller, declared: Iterable[str] = (), *, foreign: bool = False) -> Reach:
    """Return what a service reaches; `declared` are the channel patterns that it wants the events of.

    A `foreign` client is also what rules call `foreign`.
    """
    names = frozenset({who.service, who.identity, ANYONE, *((FOREIGN,) if foreign else ())})
    return Reach(
        callees=_callees(access.calls, names),
        callers=_callers(access.calls, who),
        publishes=_channels(access.publishes, names),
        takes=frozenset(each for each in declared if _covers(access.subscribes, names, each)),
        hears=_channels(access.subscribes, names),
    )


def _callees(calls: Node, names: frozenset[str]) -> frozenset[str]:
    allowed = frozenset(
        service for service, node in calls.below.items() if any(rule.allow for rule in _of(node.everything(), names))
    )
    found = frozenset(each for each in allowed if not _shut(calls, each, names))
    return frozenset({ANYONE}) if ANYONE in found else found


def _callers(calls: Node, who: Caller) -> frozenset[str]:
    """Return who may call the service: replies go to them."""
    leaves = [leaf for key in {who.service, ANYONE} if key in calls.below for leaf in calls.below[key].everything()]
    named = {caller for leaf in leaves for caller, rules in leaf.items() if any(map(_allows, rules))}
    beside = who.identity.removesuffix(who.service)
    found: set[str] = set()
    for name in named:
        # Its name, or none of this mesh's: a message that bears no credential is answered wherever it asks.
        caller = ANYONE if name == FOREIGN else name.removeprefix(beside) if beside else name
        if not caller.startswith(_IDENTITY) and not _shut(calls, who.service, frozenset({name, caller, ANYONE})):
            found.add(caller)
    return frozenset({ANYONE}) if ANYONE in found else frozenset(found)


def _channels(node: Node, names: frozenset[str]) -> frozenset[str]:
    allowed = (".".join(tokens) for tokens, leaf in node.walk() if any(map(_allows, _of((leaf,), names))))
    return frozenset(each for each in allowed if _covers(node, names, each))


def _covers(node: Node, names: frozenset[str], pattern: str) -> bool:
    """Return whether all of a pattern may be allowed, and none of it is denied whatever else is so."""
    tokens = pattern.split(".")
    if any(map(_denies, _of(node.covering(tokens), names))):
        return False
    return any(map(_allows, _of(node.covering(tokens), names)))


def _shut(calls: Node, service: str, names: frozenset[str]) -> bool:
    """Return whether every call to a service is denied, whatever its endpoint, path and claims are."""
    return any(map(_denies, _of(calls.covering((service, ANYONE)), names)))


def _of(leaves: Iterable[Leaf], names: frozenset[str]) -> Iterator[Rule]:
    for leaf in leaves:
        for name in names & leaf.keys():
            yield from (rule for rule in leaf[name] if not rule.audit)


def _allows(rule: Rule) -> bool:
    return rule.allow and not rule.audit


def _denies(rule: Rule) -> bool:
    return not rule.allow and not rule.audit and rule.paths is None and not rule.claims
