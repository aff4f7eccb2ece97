"""Objects whose keys the operator chooses: how they are read, rendered, and described to an editor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from crossply_policy.faults import Faults, described, step
from crossply_policy.names import NAME_PATTERN, NameFault
from crossply_policy.plain_data import is_object
from crossply_policy.shapes import Schema, Shape

LONGEST: Final = 256
_PRINTED: Final = r"^[^\u0000-\u001f\u007f]{1,256}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Printable text of 1 to 256 characters."""

    def read(self, value: object, at: str, faults: Faults) -> str | None:
        """Return the text."""
        if not isinstance(value, str):
            faults.add(at, f"must be text, not {described(value)}; write it in quotes")
        elif not 1 <= len(value) <= LONGEST or not value.isprintable():
            faults.add(at, f"must be 1 to {LONGEST} printable characters, not {described(value)}")
        else:
            return value
        return None

    def plain(self, value: Any) -> object:
        """Return the text."""
        return value

    def schema(self) -> Schema:
        """Return text without control characters."""
        return {"type": "string", "pattern": _PRINTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyed:
    """An object with one value a key, kept in the order of the keys, one at least; `key` refuses with NameFault."""

    of: Shape
    most: int
    what: str
    key: Callable[[str], object] | None = None

    def read(self, value: object, at: str, faults: Faults) -> Mapping[str, Any] | None:
        """Return the values by key."""
        if not is_object(value):
            faults.add(at, f"must be an object of {self.what}, not {described(value)}")
            return None
        if not 1 <= len(value) <= self.most:
            faults.add(at, f"must hold 1 to {self.most} {self.what}, not {len(value)}")
            return None
        said: dict[str, object] = {}
        for name, held in value.items():
            if faults.full:
                break
            path = step(at, name)
            if (known := self._key(name, path, faults)) is not None:
                said[known] = self.of.read(held, path, faults)
        return MappingProxyType(dict(sorted(said.items())))

    def plain(self, value: Any) -> object:
        """Return the values by key, or None where there is none."""
        return {name: self.of.plain(held) for name, held in value.items()} or None

    def schema(self) -> Schema:
        """Return an object of such values."""
        keys = NAME_PATTERN if self.key is not None else _PRINTED
        return {
            "type": "object",
            "propertyNames": {"pattern": keys},
            "minProperties": 1,
            "maxProperties": self.most,
            "additionalProperties": self.of.schema(),
        }

    def _key(self, name: object, path: str, faults: Faults) -> str | None:
        known = Text().read(name, path, faults)
        try:
            if known is not None and self.key is not None:
                self.key(known)
        except NameFault as fault:
            faults.add(path, str(fault))
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Keyed numbers, of which one at least is above 0."""

    of: Keyed

    def read(self, value: object, at: str, faults: Faults) -> Mapping[str, float] | None:
        """Return the numbers by key."""
        said = self.of.read(value, at, faults)
        if said is not None and not any(weight != 0 for weight in said.values()):
            faults.add(at, "has only weights of 0; give one subset more")
        return said

    def plain(self, value: Any) -> object:
        """Return the numbers by key."""
        return self.of.plain(value)

    def schema(self) -> Schema:
        """Return an object of numbers."""
        return self.of.schema()
