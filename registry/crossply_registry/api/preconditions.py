"""Compare-and-set over HTTP (RFC 9110, 13.1): no write without saying what it is based on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from crossply_registry.api.problems import ApiFault

ANY: Final = " "
"""Stands for ``*``: no tag has a space in it."""
_TAG: Final = re.compile(r'\s*(W/)?"([\x21\x23-\x7e]*)"\s*(?:,|$)')


@dataclass(frozen=True, slots=True)
class Preconditions:
    """What a write demands: one of these tags (``*``: any document), or that there is no document yet."""

    match: frozenset[str] | None
    absent: bool

    @classmethod
    def of(cls, if_match: str | None, if_none_match: str | None) -> Preconditions:
        """Read both headers; raise a 400 for what is neither tags nor ``*``."""
        if if_none_match is not None and if_none_match.strip() != "*":
            raise ApiFault(400, "If-None-Match of a write must be *, to create what is not there yet")
        return cls(None if if_match is None else tags(if_match, "If-Match"), if_none_match is not None)

    def check(self, current: str | None) -> None:
        """Raise a 428 when nothing is demanded, a 412 when ``current``, the tag in force, is another."""
        if self.match is None and not self.absent:
            raise ApiFault(
                428,
                "write says nothing of its base: send If-None-Match: * to create, If-Match to change",
                etag=current,
            )
        if self.absent and current is not None:
            raise ApiFault(412, "document is there already: send If-Match with its ETag to change it", etag=current)
        if self.match is not None and current is None:
            raise ApiFault(412, "document is not there: send If-None-Match: * to create it")
        if self.match is not None and not self.match & {current, ANY}:
            raise ApiFault(412, f"document was changed since: it is at {current} now", etag=current)


def tags(header: str, name: str) -> frozenset[str]:
    """Return the strong tags of a list, unquoted, or ``ANY``; weak ones never match. Raise a 400."""
    if header.strip() == "*":
        return frozenset({ANY})
    found: set[str] = set()
    at = 0
    while at < len(header):
        match = _TAG.match(header, at)
        if match is None:
            raise ApiFault(400, f'{name} must be * or ETags in double quotes, such as "1.7"')
        if match[1] is None:
            found.add(match[2])
        at = match.end()
    return frozenset(found)
