"""W3C baggage as a header field has it; inside the mesh it is a map in the metadata. Bounded, as it travels far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST: Final = 8
"""Members that are taken from outside."""
MOST_BYTES: Final = 1024
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def read(text: str) -> dict[str, str]:
    """Return what a ``baggage`` field says; what is malformed, or beyond the bounds, is left out."""
    said: dict[str, str] = {}
    size = 0
    for member in text.split(","):
        name, equals, rest = member.partition("=")
        name, value = name.strip(), unquote(rest.partition(";")[0].strip())
        size += len(name) + len(value.encode())
        if size > MOST_BYTES or len(said) >= MOST:
            break
        if equals and name and _TOKEN.issuperset(name):
            said[name] = value
    return said


def written(baggage: Mapping[str, str]) -> str:
    """Return baggage as one ``baggage`` field; names that cannot stand in one are left out."""
    return ",".join(
        f"{name}={quote(value, safe='')}" for name, value in baggage.items() if name and _TOKEN.issuperset(name)
    )
