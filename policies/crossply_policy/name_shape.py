"""A field that holds a name: checked by the grammar of names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from crossply_policy.faults import Faults, described
from crossply_policy.names import NameFault
from crossply_policy.shapes import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """One name; ``pattern`` is its grammar for an editor, where a regular expression can say it."""

    check: Callable[[str], str]
    pattern: str = ""

    def read(self, value: object, at: str, faults: Faults) -> str | None:
        """Return the name."""
        if not isinstance(value, str):
            faults.add(at, f"must be text, not {described(value)}; write it in quotes")
            return None
        try:
            return self.check(value)
        except NameFault as fault:
            faults.add(at, str(fault))
            return None

    def plain(self, value: Any) -> object:
        """Return the name."""
        return value

    def schema(self) -> Schema:
        """Return text of the grammar."""
        return {"type": "string", "pattern": self.pattern} if self.pattern else {"type": "string"}
