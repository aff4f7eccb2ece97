"""Paths of the policy language as JSON pointers (RFC 6901)."""

from __future__ import annotations

import re
from ast import literal_eval
from typing import Final

# A word, an index, or a key that is no word: spec.retry.on[0], spec.endpoints['odd key'].
_STEP: Final = re.compile(r"\.?([A-Za-z0-9_-]+)|\[(\d+)\]|\[('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\]]*)\]")


def pointer(path: str) -> str:
    """Return the pointer of a path, ``""`` for the whole document."""
    steps = (word or index or _key(quoted) for word, index, quoted in _STEP.findall(path))
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in steps)


def _key(quoted: str) -> str:
    try:
        return str(literal_eval(quoted))
    except (ValueError, SyntaxError):
        return quoted
