"""The one form of a request's path, checked before anything is decided by it.

A path that two programs could read differently is refused, not repaired: what passes here means the same to
the bridge, to every policy and to the application.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from crossply_bridge.http_message import HttpFault
from crossply_policy.http_path import path_fault

_QUERY: Final = re.compile(r"[\x21\x22\x24-\x7e]*")


@dataclass(frozen=True, slots=True)
class Target:
    """A path in normal form, and the query as it came, without its question mark."""

    path: str
    query: str | None = None

    @property
    def raw(self) -> str:
        """The path with its query, as in a request line."""
        return self.path if self.query is None else f"{self.path}?{self.query}"


def parse_target(raw: str) -> Target:
    """Split a request target in origin form; raise ``HttpFault`` (400) for what is not in normal form."""
    path, mark, query = raw.partition("?")
    if not path.startswith("/"):
        raise HttpFault(400, "target is not a path; the bridge is no forward proxy, send the path alone")
    if "#" in raw:
        raise HttpFault(400, "target has a fragment; leave out what follows #")
    if fault := path_fault(path):
        raise HttpFault(400, f"path {fault}")
    if not _QUERY.fullmatch(query):
        raise HttpFault(400, "query has a space or a character outside ASCII; percent-encode it")
    return Target(path, query if mark else None)
