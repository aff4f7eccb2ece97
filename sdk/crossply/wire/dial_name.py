"""What a connection calls itself: which instance it is of, and which events it needs; shown by brokers' tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply_policy import names

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST: Final = 3_000
"""A broker reads a client's first line up to 4,096 bytes, and there is more in it than the name."""


class NameTooLong(ValueError):
    """More patterns are declared than a connection can say."""


def named(service: str, instance: str, needs: Iterable[str] = ()) -> str:
    """Return the name of a connection; raise NameTooLong.

    Whoever decides what the connection may learns from it which consumers are its own: the rest is in its certificate.
    """
    name = " ".join((f"{service}/{instance}", *sorted(needs)))
    if len(name) > LONGEST:
        raise NameTooLong(
            f"the channel patterns that {service} subscribes to have {len(name)} characters together, at most {LONGEST}"
            " are possible: subscribe to fewer, wider patterns"
        )
    return name


def needs_in(name: str) -> tuple[str, ...]:
    """Return the channel patterns in a connection's name; what is none is left out."""
    return tuple(each for each in name.split(" ")[1:] if _is_pattern(each))


def _is_pattern(text: str) -> bool:
    try:
        return bool(names.pattern(text))
    except names.NameFault:
        return False
