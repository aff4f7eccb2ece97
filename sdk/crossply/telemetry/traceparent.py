"""W3C trace context: whose trace a request is in, read and written without parsing what is as it should be."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossply.clock import Chance

_LENGTH: Final = 55
_USUAL: Final = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
_LATER: Final = re.compile(r"(?!00|ff)[0-9a-f]{2}-.*").fullmatch
_TRACE, _SPAN, _AT_ONCE = 32, 16, 64

FLAGS: Final = 54
"""Where the digit of the flags is in which ``SAMPLED_FLAGS`` say that a trace is sampled."""
SAMPLED_FLAGS: Final = frozenset("13579bdf")
NOT_SAMPLED: Final = "-02"
SAMPLED: Final = "-03"
"""The flags of a trace that begins here: its id is random, which is the flag 2, so that others may sample by it."""


class SpanIds:
    """Random ids, cut from digits that were asked for at once; to take one off a list is all that it costs."""

    __slots__ = ("_chance", "_roots", "_spans")

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._roots: list[str] = []
        self._spans: list[str] = []

    def span(self) -> str:
        """Return the 16 digits of a span."""
        if not self._spans:
            self._spans = self._cut(_SPAN)
        return self._spans.pop()

    def root(self) -> str:
        """Return a ``traceparent`` but for its flags: a new trace and the first span in it."""
        if not self._roots:
            self._roots = [f"00-{each[:_TRACE]}-{each[_TRACE:]}" for each in self._cut(_TRACE + _SPAN)]
        return self._roots.pop()

    def _cut(self, digits: int) -> list[str]:
        size = digits // 2
        many = self._chance.getrandbits(8 * size * _AT_ONCE).to_bytes(size * _AT_ONCE, "big")
        # An id of zeros alone means none.
        return [each for each in many.hex("-", size).split("-") if each != "0" * digits]


def well_formed(text: str) -> str | None:
    """Return the text as version 00 if it is a ``traceparent``, ``None`` otherwise.

    A later version is read as far as it is known: it may say more, version 00 may not.
    """
    if _USUAL(text):
        return text
    known = f"00{text[2:_LENGTH]}"
    return known if _LATER(text) and text[_LENGTH : _LENGTH + 1] in {"", "-"} and _USUAL(known) else None


def is_sampled(traceparent: str) -> bool:
    """Whether the flags of a well-formed ``traceparent`` say that its trace is sampled."""
    return traceparent[FLAGS] in SAMPLED_FLAGS


def trace_id(traceparent: str) -> str:
    """Return the 32 digits of the trace."""
    return traceparent[3:35]


def span_id(traceparent: str) -> str:
    """Return the 16 digits of the span."""
    return traceparent[36:52]
