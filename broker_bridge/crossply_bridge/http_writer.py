"""An answer, as bytes on the wire."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from crossply.clock import Clock
from crossply_bridge.headers import checked
from crossply_bridge.http_message import HttpResponse

_BODILESS: Final = frozenset({204, 304})
_OWN: Final = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding"})
_STATUS_LINES: Final = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n" for each in HTTPStatus}

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class DateField:
    """The `Date` field of answers, made once a second."""

    __slots__ = ("_clock", "_line", "_until")

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._line = ""
        self._until = 0.0

    def line(self) -> str:
        """Return the field as a line."""
        now = self._clock()
        if now >= self._until:
            self._until = float(int(now) + 1)
            self._line = f"date: {formatdate(now, usegmt=True)}\r\n"
        return self._line


def encode(response: HttpResponse, *, method: str, version: str, keep_alive: bool, date: str) -> bytes:
    """Return status line, header and body; the framing fields are the bridge's own.

    An answer to HEAD keeps the length that its GET would have, as the application said it. Raises
    ``HeaderFault`` for a field that would break the framing.
    """
    status, fields = response.status, checked(response.headers)
    lines = [_STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in fields if name not in _OWN]
    if not any(name == "date" for name, _ in fields):
        lines.append(date)
    length = _length(response, method)
    if length is not None:
        lines.append(f"content-length: {length}\r\n")
    if not keep_alive:
        lines.append("connection: close\r\n")
    elif version == "1.0":
        lines.append("connection: keep-alive\r\n")
    lines.append("\r\n")
    head = "".join(lines).encode("latin-1")
    return head if method == "HEAD" or status in _BODILESS else head + response.body


def _length(response: HttpResponse, method: str) -> str | None:
    if response.status in _BODILESS:
        return None
    if method == "HEAD" and not response.body:
        said = [value for name, value in response.headers if name == "content-length"]
        return said[0] if said and said[0].isdecimal() else None
    return str(len(response.body))
