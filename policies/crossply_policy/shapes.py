"""The simple values a field may hold: how each is read, rendered, and described to an editor."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

from crossply_policy.faults import Faults, described
from crossply_policy.plain_data import is_list

Schema: TypeAlias = dict[str, Any]

_HOUR: Final = 3600.0
_LENGTH: Final = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)"
_COMPARED: Final = 60


class Shape(Protocol):
    """What a field may hold."""

    def read(self, value: object, at: str, faults: Faults) -> object:
        """Return the value as the language keeps it, or note faults at the path and return None."""
        ...

    def plain(self, value: Any) -> object:
        """Return a value that was read as plain data; None where there is nothing to say."""
        ...

    def schema(self) -> Schema:
        """Return the JSON Schema of what is accepted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A finite number, kept as float."""

    low: float
    high: float

    def read(self, value: object, at: str, faults: Faults) -> float | None:
        """Return a float between the bounds, both included."""
        number = _bounded(value, self.low, self.high, at, faults)
        # Adding zero turns -0.0 into 0.0: equal values, equal bytes.
        return None if number is None else float(number) + 0.0

    def plain(self, value: Any) -> object:
        """Return the number."""
        return value

    def schema(self) -> Schema:
        """Return a number within its bounds."""
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number, kept as int; 2.0 is one."""

    low: int
    high: int

    def read(self, value: object, at: str, faults: Faults) -> int | None:
        """Return an int between the bounds, both included."""
        number = _bounded(value, self.low, self.high, at, faults)
        if number is None:
            return None
        if number != int(number):
            faults.add(at, f"must be a whole number, not {described(number)}")
        return int(number)

    def plain(self, value: Any) -> object:
        """Return the number."""
        return value

    def schema(self) -> Schema:
        """Return a whole number within its bounds."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True, kw_only=True)
class Duration:
    """A length of time, kept as float seconds: a number of seconds, or text such as 250ms, 5s, 1m, 1h."""

    low: float = 0.001
    high: float = _HOUR

    def read(self, value: object, at: str, faults: Faults) -> float | None:
        """Return seconds between the bounds, both included."""
        if isinstance(value, str):
            if not (match := re.fullmatch(_LENGTH, value)):
                faults.add(at, f"must be a duration such as 250ms, 5s, 1m or 1h, not {described(value)}")
                return None
            value = _seconds(float(match[1]), match[2])
        number = _bounded(value, self.low, self.high, at, faults, unit="s")
        return None if number is None else float(number)

    def plain(self, value: Any) -> object:
        """Return the seconds."""
        return value

    def schema(self) -> Schema:
        """Return a number of seconds within its bounds, or text with a unit."""
        seconds = {"type": "number", "minimum": self.low, "maximum": self.high}
        return {"anyOf": [seconds, {"type": "string", "pattern": f"^{_LENGTH}$"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """True or false."""

    def read(self, value: object, at: str, faults: Faults) -> bool | None:
        """Return the truth value."""
        if isinstance(value, bool):
            return value
        faults.add(at, f"must be true or false, not {described(value)}")
        return None

    def plain(self, value: Any) -> object:
        """Return the truth value."""
        return value

    def schema(self) -> Schema:
        """Return the boolean type."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One word of several; `refused` says why another known word is not among them."""

    words: tuple[str, ...]
    refused: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def read(self, value: object, at: str, faults: Faults) -> str | None:
        """Return the word."""
        if not isinstance(value, str):
            faults.add(at, f"must be {listed(self.words, 'or')}, not {described(value)}")
        elif value in self.refused:
            faults.add(at, self.refused[value])
        elif value not in self.words:
            close = meant(value, self.words)
            faults.add(at, f"must be {listed(self.words, 'or')}, not {described(value)}{close}")
        else:
            return value
        return None

    def plain(self, value: Any) -> object:
        """Return the word."""
        return value

    def schema(self) -> Schema:
        """Return the words."""
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A set of words, written as a list; none may come twice."""

    of: Choice

    def read(self, value: object, at: str, faults: Faults) -> frozenset[str] | None:
        """Return the set."""
        if not is_list(value):
            faults.add(at, f"must be a list, not {described(value)}")
            return None
        seen: set[str] = set()
        for place, item in enumerate(value):
            if faults.full:
                break
            word = self.of.read(item, f"{at}[{place}]", faults)
            if word in seen:
                faults.add(f"{at}[{place}]", f"{word} is there twice")
            if word is not None:
                seen.add(word)
        return frozenset(seen)

    def plain(self, value: Any) -> object:
        """Return the words in order."""
        return sorted(value)

    def schema(self) -> Schema:
        """Return a list of the words."""
        return {"type": "array", "items": self.of.schema(), "uniqueItems": True}


def listed(words: Iterable[str], joint: str) -> str:
    """Return `a, b or c`."""
    *head, last = words
    return f"{', '.join(head)} {joint} {last}" if head else last


def meant(word: str, words: Iterable[str]) -> str:
    """Return `; did you mean ...?` where a word is close to one of the words, else nothing."""
    close = get_close_matches(word[:_COMPARED].lower(), list(words), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def unknown(name: object, fields: Iterable[str]) -> str:
    """Return why a name that is none of the fields is refused, with the one that was meant or all of them."""
    close = meant(name, fields) if isinstance(name, str) else ""
    return f"is not a field{close}" if close else f"is not a field; use {listed(fields, 'or')}"


def _seconds(amount: float, unit: str) -> float:
    # A division rounds once: 35ms is 0.035, as it is when written in seconds.
    return amount / 1000 if unit == "ms" else amount * {"s": 1, "m": 60, "h": 3600}[unit]


def _bounded(value: object, low: float, high: float, at: str, faults: Faults, unit: str = "") -> float | None:
    """Return the value if it is a number between the bounds; true and false are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        faults.add(at, f"must be a number{' of seconds' if unit else ''}, not {described(value)}")
    elif isinstance(value, float) and not math.isfinite(value):
        faults.add(at, f"must be a finite number, not {value}")
    elif value < low:
        faults.add(at, f"must be at least {low:g}{unit}, not {described(value)}")
    elif value > high:
        faults.add(at, f"must be at most {high:g}{unit}, not {described(value)}")
    else:
        return value
    return None
