"""Objects of named fields: how they are read, rendered, and described to an editor."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from crossply_policy.faults import Faults, described, step
from crossply_policy.names import NAME_PATTERN, NameFault
from crossply_policy.plain_data import is_object
from crossply_policy.shapes import Schema, Shape, listed, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: what it may hold, what it means, and what holds where no document says it.

    ``attribute`` is what the spec calls it, where the field's own name is a word of Python's.
    """

    shape: Shape
    about: str
    default: object = None
    attribute: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """An object with these fields and no others; `refused` says why a known one is not among them.

    `required` must be there; `check` notes what is wrong with fields that are each well formed.
    """

    make: Callable[..., object]
    fields: Mapping[str, Field]
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    required: tuple[str, ...] = ()
    check: Callable[[object, str, Faults], None] | None = None

    def read(self, value: object, at: str, faults: Faults) -> object:
        """Return what `make` makes of the fields that are there; what is silent is left out."""
        if not is_object(value):
            faults.add(at, f"must be an object with {listed(self.fields, 'and')}, not {described(value)}")
            return None
        said: dict[str, object] = {}
        for name, held in value.items():
            if faults.full:
                break
            path = step(at, name)
            if isinstance(name, str) and name in self.fields:
                said[self._attribute(name)] = self.fields[name].shape.read(held, path, faults)
            else:
                faults.add(path, self._unknown(name))
        for name in self.required:
            if name not in value:
                faults.add(step(at, name), "is missing")
        made = self.make(**said)
        if self.check is not None and None not in said.values():
            self.check(made, at, faults)
        return made

    def plain(self, value: Any) -> object:
        """Return the fields that are said, in the section's order."""
        said = ((name, one.shape, getattr(value, self._attribute(name))) for name, one in self.fields.items())
        rendered = ((name, shape.plain(held)) for name, shape, held in said if held is not None)
        return {name: held for name, held in rendered if held is not None}

    def schema(self) -> Schema:
        """Return an object with these properties and no others."""
        properties = {name: _property(one) for name, one in self.fields.items()}
        required = {"required": list(self.required)} if self.required else {}
        return {"type": "object", "properties": properties, **required, "additionalProperties": False}

    def _attribute(self, name: str) -> str:
        return self.fields[name].attribute or name

    def _unknown(self, name: object) -> str:
        if isinstance(name, str) and name in self.refused:
            return self.refused[name]
        if name is True and "on" in self.fields:
            return 'is what YAML 1.1 reads for on; write "on" in quotes, or read the file as YAML 1.2'
        return unknown(name, self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """An object whose keys are names, each with the same section."""

    section: Section
    name: Callable[[str], str]
    most: int

    def read(self, value: object, at: str, faults: Faults) -> Mapping[str, object] | None:
        """Return the sections by name, in the order of their names."""
        if not is_object(value):
            faults.add(at, f"must be an object of names, not {described(value)}")
            return None
        if len(value) > self.most:
            faults.add(at, f"must hold at most {self.most} names, not {len(value)}")
            return None
        said: dict[str, object] = {}
        for name, held in value.items():
            if faults.full:
                break
            path = step(at, name)
            section = self.section.read(held, path, faults)
            if not isinstance(name, str):
                faults.add(path, "a name must be text; write it in quotes")
                continue
            said[name] = section
            try:
                self.name(name)
            except NameFault as fault:
                faults.add(path, str(fault))
        return MappingProxyType(dict(sorted(said.items())))

    def plain(self, value: Any) -> object:
        """Return the sections by name, or None where there is no name."""
        return {name: self.section.plain(held) for name, held in value.items()} or None

    def schema(self) -> Schema:
        """Return an object of names."""
        return {
            "type": "object",
            "propertyNames": {"pattern": NAME_PATTERN},
            "maxProperties": self.most,
            "additionalProperties": self.section.schema(),
        }


def _property(one: Field) -> Schema:
    default = {} if one.default is None else {"default": one.shape.plain(one.default)}
    return {"description": one.about, **one.shape.schema(), **default}
