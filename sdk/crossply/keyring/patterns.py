"""Which pattern speaks of a channel: of several, the one that says most."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_LITERAL, _ONE, _TAIL = 0, 1, 2
_RANKS: Final = {"*": _ONE, ">": _TAIL}


def narrowest(patterns: Iterable[str], channel: str) -> str | None:
    """Return the pattern that covers a channel (or a pattern of channels) and names it most exactly, token by token."""
    tokens = channel.split(".")
    found = [each for each in patterns if covers(each.split("."), tokens)]
    return min(found, key=_rank, default=None)


def covers(pattern: list[str], tokens: list[str]) -> bool:
    """Return whether every channel that ``tokens`` name is one that ``pattern`` names."""
    for place, said in enumerate(pattern):
        if said == ">":
            return len(tokens) > place
        if place >= len(tokens) or tokens[place] == ">" or (said != "*" and said != tokens[place]):
            return False
    return len(pattern) == len(tokens)


def _rank(pattern: str) -> tuple[list[int], str]:
    return [_RANKS.get(token, _LITERAL) for token in pattern.split(".")], pattern
