"""The lists and maps of an `Access` document: how each is read, rendered, and described to an editor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from crossply_policy.access.spec import TargetSpec
from crossply_policy.defaults import LIMITS
from crossply_policy.faults import Faults, described, step
from crossply_policy.names import NAME_PATTERN, NameFault
from crossply_policy.plain_data import is_list, is_object
from crossply_policy.sections import Section
from crossply_policy.shapes import Schema

_WORDS: Final = 64
_VALUE_LENGTH: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSet:
    """A set of texts that each pass a check, written as a list of at least one; none may come twice."""

    check: Callable[[str], str]
    most: int
    item: Mapping[str, Any]

    def read(self, value: object, at: str, faults: Faults) -> frozenset[str] | None:
        """Return the set."""
        if not is_list(value) or not 1 <= len(value) <= self.most:
            count = f" of {len(value)}" if is_list(value) else ""
            faults.add(at, f"must be a list of 1 to {self.most}, not {described(value)}{count}")
            return None
        seen: set[str] = set()
        for place, item in enumerate(value):
            if faults.full:
                break
            text = _checked(self.check, item, f"{at}[{place}]", faults)
            if text in seen:
                faults.add(f"{at}[{place}]", f"{text} is there twice")
            elif text is not None:
                seen.add(text)
        return frozenset(seen)

    def plain(self, value: Any) -> object:
        """Return the texts in order."""
        return sorted(value)

    def schema(self) -> Schema:
        """Return a list of such texts."""
        return {"type": "array", "items": dict(self.item), "minItems": 1, "maxItems": self.most, "uniqueItems": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneText:
    """One text that passes a check."""

    check: Callable[[str], str]
    item: Mapping[str, Any]

    def read(self, value: object, at: str, faults: Faults) -> str | None:
        """Return the text."""
        return _checked(self.check, value, at, faults)

    def plain(self, value: Any) -> object:
        """Return the text."""
        return value

    def schema(self) -> Schema:
        """Return the form of the text."""
        return dict(self.item)


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What is spoken of: a list of at least one; their order means nothing, so they are kept sorted."""

    section: Section
    most: int

    def read(self, value: object, at: str, faults: Faults) -> tuple[TargetSpec, ...] | None:
        """Return the targets; each names a service or a channel, and only what belongs to that."""
        if not is_list(value) or not 1 <= len(value) <= self.most:
            count = f" of {len(value)}" if is_list(value) else ""
            faults.add(at, f"must be a list of 1 to {self.most}, not {described(value)}{count}")
            return None
        found: list[TargetSpec] = []
        for place, item in enumerate(value):
            if faults.full:
                break
            path = f"{at}[{place}]"
            target = self.section.read(item, path, faults)
            if isinstance(target, TargetSpec) and is_object(item):
                _check_target(item, path, faults)
                if target in found:
                    faults.add(path, "is there twice")
                found.append(target)
        rules = sum(len(one.endpoints or one.methods or ("*",)) for one in found)
        if rules > LIMITS.rules:
            faults.add(at, f"names {rules} endpoints, at most {LIMITS.rules} are allowed; write several documents")
        return tuple(sorted(found, key=lambda one: repr(self.section.plain(one))))

    def plain(self, value: Any) -> object:
        """Return the targets as plain data."""
        return [self.section.plain(one) for one in value]

    def schema(self) -> Schema:
        """Return a list of such objects."""
        return {"type": "array", "items": self.section.schema(), "minItems": 1, "maxItems": self.most}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What the caller's credential must claim: by name, the values of which it must have one."""

    name: Callable[[str], str]

    def read(self, value: object, at: str, faults: Faults) -> Mapping[str, frozenset[str]] | None:
        """Return the accepted values by claim, in the order of the claims."""
        if not is_object(value) or not 1 <= len(value) <= _WORDS:
            faults.add(at, f"must be an object of 1 to {_WORDS} claims, not {described(value)}")
            return None
        values = TextSet(check=_claim_value, most=_WORDS, item={"type": "string"})
        said: dict[str, frozenset[str]] = {}
        for name, held in value.items():
            if faults.full:
                break
            path = step(at, name)
            accepted = values.read(held, path, faults)
            if _checked(self.name, name, path, faults) is not None and accepted is not None:
                said[str(name)] = accepted
        return MappingProxyType(dict(sorted(said.items())))

    def plain(self, value: Any) -> object:
        """Return the values by claim."""
        return {name: sorted(accepted) for name, accepted in value.items()}

    def schema(self) -> Schema:
        """Return an object of lists of text."""
        texts = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": _WORDS, "uniqueItems": True}
        return {
            "type": "object",
            "propertyNames": {"pattern": NAME_PATTERN},
            "minProperties": 1,
            "maxProperties": _WORDS,
            "additionalProperties": texts,
        }


def _checked(check: Callable[[str], str], value: object, at: str, faults: Faults) -> str | None:
    if not isinstance(value, str):
        faults.add(at, f"must be text, not {described(value)}; write it in quotes")
        return None
    try:
        return check(value)
    except NameFault as fault:
        faults.add(at, str(fault))
        return None


def _claim_value(text: str) -> str:
    if text and len(text) <= _VALUE_LENGTH and text.isprintable():
        return text
    raise NameFault(f"a claim's value is 1 to {_VALUE_LENGTH} printable characters")


def _check_target(said: Mapping[object, object], at: str, faults: Faults) -> None:
    """Note what a target lacks, and what stands in it that belongs to another sort of target."""
    for name in ("methods", "actions"):
        if said.get(name) in ([], ()):
            faults.add(step(at, name), "names nothing; leave it out, or name at least one")
    if ("service" in said) == ("channel" in said):
        faults.add(at, "must name a service or a channel, one of the two")
        return
    if "channel" in said:
        for name in ("endpoints", "methods", "paths"):
            if name in said:
                faults.add(step(at, name), "is said of a service; a channel has actions")
        if "actions" not in said:
            faults.add(step(at, "actions"), "is missing; say publish, subscribe or both")
        return
    if "actions" in said:
        faults.add(step(at, "actions"), "is said of a channel; a service has endpoints, or methods and paths")
    if "endpoints" in said and ("methods" in said or "paths" in said):
        faults.add(step(at, "endpoints"), "cannot stand beside methods and paths, which name the endpoints of HTTP")
