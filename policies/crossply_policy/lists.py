"""Lists of names and of sections, and single names: how they are read, rendered, and described to an editor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from crossply_policy.faults import Faults, described
from crossply_policy.names import NAME_PATTERN, NameFault, operation, service
from crossply_policy.plain_data import is_list
from crossply_policy.sections import Section
from crossply_policy.shapes import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name, by the grammar that `check` knows."""

    check: Callable[[str], object]
    pattern: str = NAME_PATTERN

    def read(self, value: object, at: str, faults: Faults) -> str | None:
        """Return the name."""
        if not isinstance(value, str):
            faults.add(at, f"must be text, not {described(value)}; write it in quotes")
            return None
        try:
            self.check(value)
        except NameFault as fault:
            faults.add(at, str(fault))
            return None
        return value

    def plain(self, value: Any) -> object:
        """Return the name."""
        return value

    def schema(self) -> Schema:
        """Return text of that grammar."""
        return {"type": "string", "pattern": self.pattern}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names without repetition, one at least: a tuple where their order says something, else a set."""

    of: Name
    most: int
    ordered: bool = False

    def read(self, value: object, at: str, faults: Faults) -> tuple[str, ...] | frozenset[str] | None:
        """Return the names."""
        if (items := _items(value, self.most, at, faults)) is None:
            return None
        found: list[str] = []
        for place, item in enumerate(items):
            name = self.of.read(item, f"{at}[{place}]", faults)
            if name in found:
                faults.add(f"{at}[{place}]", f"{name} is there twice")
            elif name is not None:
                found.append(name)
        return tuple(found) if self.ordered else frozenset(found)

    def plain(self, value: Any) -> object:
        """Return the names, sorted where their order says nothing; None where there is none."""
        return (list(value) if self.ordered else sorted(value)) or None

    def schema(self) -> Schema:
        """Return a list of names."""
        items = self.of.schema()
        return {"type": "array", "items": items, "minItems": 1, "maxItems": self.most, "uniqueItems": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """Sections in their order, one at least."""

    section: Section
    most: int

    def read(self, value: object, at: str, faults: Faults) -> tuple[object, ...] | None:
        """Return what each makes."""
        if (items := _items(value, self.most, at, faults)) is None:
            return None
        return tuple(self.section.read(item, f"{at}[{place}]", faults) for place, item in enumerate(items))

    def plain(self, value: Any) -> object:
        """Return the sections as plain data; None where there is none."""
        return [self.section.plain(one) for one in value] or None

    def schema(self) -> Schema:
        """Return a list of objects."""
        return {"type": "array", "items": self.section.schema(), "minItems": 1, "maxItems": self.most}


def target(text: str) -> str:
    """Return the text if it names a service or an operation; raise NameFault."""
    if "." in text:
        operation(text)
    else:
        service(text)
    return text


def _items(value: object, most: int, at: str, faults: Faults) -> Sequence[object] | None:
    if not is_list(value):
        faults.add(at, f"must be a list, not {described(value)}")
    elif not value:
        faults.add(at, "is empty; leave it out")
    elif len(value) > most:
        faults.add(at, f"must hold at most {most}, not {len(value)}")
    else:
        return value
    return None
