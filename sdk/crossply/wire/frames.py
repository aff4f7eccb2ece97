"""The first line of a message from the broker, as words: ``MSG`` and ``HMSG``, with and without a reply subject."""

from __future__ import annotations

from typing import Final

WHOLE: Final = 5
"""How many words there are when none is missing: MSG, subject, number, reply subject, size."""


def after_headers(words: list[bytes], start: int, stop: int) -> int:
    """Return where the payload begins; take the headers' size out of the words, so that they are those of a MSG."""
    body = start + int(words.pop(-2))
    if not start <= body <= stop:
        raise ValueError("sizes do not fit")
    return body


def add_reply(words: list[bytes]) -> None:
    """Put an empty reply subject where there is none."""
    words.insert(3, b"")
    if len(words) != WHOLE:
        raise ValueError("parts are missing, or too many")
