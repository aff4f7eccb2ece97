"""Who changes policy, and why: what a write says of itself, kept in the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from litestar.params import HeaderParameter, QueryParameter

from crossply_registry.api.problems import ApiFault

_LONGEST_AUTHOR: Final = 200
_LONGEST_REASON: Final = 1_000

Author = Annotated[str | None, HeaderParameter(name="Crossply-Author", description="who makes the change")]
ReasonHeader = Annotated[str | None, HeaderParameter(name="Crossply-Reason", description="why")]
Reason = Annotated[str | None, QueryParameter(name="reason", description="why; comes before the header")]


@dataclass(frozen=True, slots=True)
class Authorship:
    """The author and the reason of one write."""

    author: str
    reason: str


async def authorship(author: Author = None, reason_header: ReasonHeader = None, reason: Reason = None) -> Authorship:
    """Read both; raise a 400 for what is too long or does not print."""
    return Authorship(
        author=_text(_unlatin(author or "anonymous"), "Crossply-Author", _LONGEST_AUTHOR),
        reason=_text(reason or _unlatin(reason_header or ""), "reason", _LONGEST_REASON),
    )


def _unlatin(header: str) -> str:
    """Return the header as UTF-8, which is what people send, where the framework read Latin-1."""
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def _text(text: str, name: str, longest: int) -> str:
    if len(text) > longest:
        raise ApiFault(400, f"{name} has {len(text)} characters, at most {longest} are kept")
    if not text.isprintable():
        raise ApiFault(400, f"{name} has characters that do not print")
    return text
