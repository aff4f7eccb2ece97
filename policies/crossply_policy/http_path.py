"""The one form of an HTTP path, in which it is checked, compared with policy and passed on.

A path that two programs could read differently is refused, not repaired: what passes here means the same to
a bridge, to every policy and to the application.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})+")
# Behind any number of %25 as well: what decodes a path twice would find it.
_HIDDEN: Final = re.compile(r"%(?:25)*(?:2[EF]|5C|[01][0-9A-F]|7F)", re.IGNORECASE)
_DOTS: Final = re.compile(r"/\.{1,2}(?:[/;]|$)")


def path_fault(path: str) -> str | None:
    """Say what keeps a path from being in normal form; None when nothing does."""
    if not path.startswith("/"):
        return "does not begin with /"
    if "\\" in path:
        return "has a backslash; use /"
    if not _PATH.fullmatch(path):
        return "has a character that RFC 3986 does not allow there, or a broken %; percent-encode it"
    if "//" in path:
        return "has an empty segment (//); write a single /"
    if _DOTS.search(path):
        return "has a . or .. segment; send the path it stands for"
    return _escape_fault(path) if "%" in path else None


def decoded(path: str) -> str:
    """Return a path in normal form with its escapes decoded, as an application reads it."""
    return unquote(path) if "%" in path else path


def _escape_fault(path: str) -> str | None:
    if _HIDDEN.search(path):
        return "hides a slash, backslash, dot or control character behind %; such paths are read in two ways"
    try:
        unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return "decodes to bytes that are not UTF-8"
    return None
