"""What is wrong with a document: every fault, each with its path."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

MOST_FAULTS: Final = 256
"""Faults reported for one document; what follows them is said to be unread."""

_SHOWN: Final = 60
_SIMPLE: Final = r"[A-Za-z0-9_-]{1,63}"
_WIDE: Final = 64


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: where (`spec.retry.attempts`, empty for the whole document) and what to do about it."""

    path: str
    detail: str

    def __str__(self) -> str:
        return f"{self.path}: {self.detail}" if self.path else self.detail


class PolicyInvalid(ValueError):
    """A document, or a set of them, is refused; `faults` holds every reason, in the document's order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(faults)
        super().__init__("; ".join(str(fault) for fault in self.faults))


class Faults:
    """The faults of one reading, bounded in number, so that a hostile document is read cheaply."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: list[Fault] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    @property
    def full(self) -> bool:
        """Return whether reading on is of no more use."""
        return len(self._found) >= MOST_FAULTS

    def add(self, path: str, detail: str) -> None:
        """Note one fault."""
        if not self.full:
            self._found.append(Fault(path, detail))

    def invalid(self) -> PolicyInvalid:
        """Return the error that lists them."""
        more = [Fault("", f"has {MOST_FAULTS} faults or more; the rest was not read")] if self.full else []
        return PolicyInvalid([*self._found, *more])


def step(path: str, key: object) -> str:
    """Return the path one step further: `.key`, or `['odd key']` for what is not a simple word."""
    if isinstance(key, str) and re.fullmatch(_SIMPLE, key):
        return f"{path}.{key}" if path else key
    return f"{path}[{described(key, bare=True)}]"


def described(value: object, *, bare: bool = False) -> str:
    """Return what a value is, shortened, in printable characters: for the end of a fault."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        shown = repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}…")
        return shown if bare else f"the text {shown}"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, int):
        return repr(value) if value.bit_length() <= _WIDE else "a number of many digits"
    kinds: dict[type, str] = {dict: "an object", list: "a list", bytes: "bytes"}
    return kinds.get(type(value), f"a {type(value).__name__}")
