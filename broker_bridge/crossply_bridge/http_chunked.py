"""A chunked body, decoded strictly and bounded; chunk extensions and trailers are dropped."""

from __future__ import annotations

import re
from typing import Final

from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import HttpFault

_LINE: Final = 256
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,8})(?:;[\t\x20-\x7e]*)?\r\n")
_TRAILER: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n")


class ChunkedBody:
    """Takes chunks off the front of a buffer until the last one; one for each body."""

    __slots__ = ("_body", "_ended", "_limits", "_missing", "_trailers")

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._body = bytearray()
        self._missing: int | None = None
        self._ended = False
        self._trailers = 0

    def take(self, buffer: bytearray) -> bytes | None:
        """Remove what belongs to the body from ``buffer``; return the body when it is whole.

        Raises ``HttpFault`` for what is malformed (400) or too large (413, 431).
        """
        while not self._ended:
            if self._missing is None:
                if not self._size(buffer):
                    return None
            elif not self._data(buffer, self._missing):
                return None
        return bytes(self._body) if self._end(buffer) else None

    def _size(self, buffer: bytearray) -> bool:
        line = _line(buffer, _LINE, "chunk size")
        if line is None:
            return False
        match = _SIZE.fullmatch(line)
        if match is None:
            raise HttpFault(400, "chunk size is not a hexadecimal number on a line of its own")
        size = int(match[1], 16)
        if len(self._body) + size > self._limits.body:
            raise HttpFault(413, f"body is larger than {self._limits.body} bytes")
        self._missing = size or None
        self._ended = size == 0
        return True

    def _data(self, buffer: bytearray, size: int) -> bool:
        if len(buffer) < size + 2:
            return False
        if bytes(buffer[size : size + 2]) != b"\r\n":
            raise HttpFault(400, "chunk is longer than its size says")
        self._body += memoryview(buffer)[:size]
        del buffer[: size + 2]
        self._missing = None
        return True

    def _end(self, buffer: bytearray) -> bool:
        while (line := _line(buffer, self._limits.header, "trailer")) is not None:
            if line == b"\r\n":
                return True
            self._trailers += len(line)
            if self._trailers > self._limits.header:
                raise HttpFault(431, f"trailers are larger than {self._limits.header} bytes")
            if not _TRAILER.fullmatch(line):
                raise HttpFault(400, "trailer is not a header field")
        return False


def _line(buffer: bytearray, limit: int, what: str) -> bytes | None:
    """Take a line off the front, with its end; ``None`` while it is not whole."""
    end = buffer.find(b"\n", 0, limit) + 1
    if not end:
        if len(buffer) >= limit:
            raise HttpFault(400, f"{what} line is longer than {limit} bytes")
        return None
    line = bytes(buffer[:end])
    del buffer[:end]
    return line
