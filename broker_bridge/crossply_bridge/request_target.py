"""The one form of a request's path, checked before anything is decided by it.

A path that two programs could read differently is refused, not repaired: what passes here means the same to
the bridge, to every policy and to the application.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_to_bytes

from crossply_bridge.http_message import HttpFault

_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+")
_QUERY: Final = re.compile(r"[\x21\x22\x24-\x7e]*")
_HIDDEN: Final = re.compile(r"%(?:2[EF]|5C|[01][0-9A-F]|7F)", re.IGNORECASE)
_DOTS: Final = re.compile(r"/\.{1,2}(?:[/;]|$)")


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
    if fault := _path_fault(path):
        raise HttpFault(400, f"path {fault}")
    if not _QUERY.fullmatch(query):
        raise HttpFault(400, "query has a space or a character outside ASCII; percent-encode it")
    return Target(path, query if mark else None)


def _path_fault(path: str) -> str | None:
    """Say what is wrong with a path."""
    if "\\" in path:
        return "has a backslash; use /"
    if not _PATH.fullmatch(path):
        return "has a character that RFC 3986 does not allow there, or a broken %; percent-encode it"
    if "//" in path:
        return "has an empty segment (//); write a single /"
    if _DOTS.search(path):
        return "has a . or .. segment; send the path it stands for"
    return _escape_fault(path) if "%" in path else None


def _escape_fault(path: str) -> str | None:
    if _HIDDEN.search(path):
        return "hides a slash, backslash, dot or control character behind %; such paths are read in two ways"
    try:
        unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return "decodes to bytes that are not UTF-8"
    return None
