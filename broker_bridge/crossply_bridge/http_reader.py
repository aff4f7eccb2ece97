"""A connection's bytes, turned into requests, one at a time and only when asked for the next."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from crossply_bridge.http_chunked import ChunkedBody
from crossply_bridge.http_head import Head, parse_head
from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import HttpFault, HttpRequest

_END: Final = b"\r\n\r\n"
_BARE_LINE_FEED: Final = re.compile(rb"(?<!\r)\n")


class Stage(Enum):
    """What the reader waits for."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"


class RequestReader:
    """Holds what came and was not asked for yet; after an ``HttpFault`` the connection cannot go on."""

    __slots__ = ("_buffer", "_chunks", "_head", "_limits", "_searched")

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._buffer = bytearray()
        self._searched = 0
        self._head: Head | None = None
        self._chunks: ChunkedBody | None = None

    @property
    def buffered(self) -> int:
        """How many bytes wait."""
        return len(self._buffer)

    @property
    def stage(self) -> Stage:
        """What the next request still lacks."""
        if self._head is not None:
            return Stage.BODY
        return Stage.HEAD if self._buffer else Stage.IDLE

    def feed(self, data: bytes) -> None:
        """Take what came from the client."""
        self._buffer += data

    def next(self) -> HttpRequest | None:
        """Return the next request when it is whole; raise ``HttpFault`` when it can never be."""
        if self._head is None:
            self._head = self._take_head()
            if self._head is None:
                return None
            self._chunks = ChunkedBody(self._limits) if self._head.length is None else None
        head = self._head
        body = self._take_body(head.length)
        if body is None:
            return None
        self._head = self._chunks = None
        return HttpRequest(head.method, head.target, head.headers, body, head.version, head.keep_alive)

    def owes_continue(self) -> bool:
        """Say, once a request, whether its client waits for `100 Continue` before it sends the body."""
        if self._head is None or not self._head.expects:
            return False
        self._head.expects = False
        return not self._buffer

    def _take_head(self) -> Head | None:
        buffer = self._buffer
        while buffer.startswith(b"\r\n"):
            del buffer[:2]  # RFC 9112, 2.2: empty lines before a request are ignored
            self._searched = 0
        end = buffer.find(_END, self._searched)
        if end < 0:
            self._check_partial()
            self._searched = max(0, len(buffer) - len(_END) + 1)
            return None
        raw = bytes(buffer[: end + len(_END)])
        del buffer[: end + len(_END)]
        self._searched = 0
        return parse_head(raw, self._limits)

    def _check_partial(self) -> None:
        """Refuse early what no further byte can make right."""
        limits, buffer = self._limits, self._buffer
        if _BARE_LINE_FEED.search(buffer, self._searched):
            raise HttpFault(400, "a line ends with a bare line feed; lines end with CR LF")
        line = buffer.find(b"\r\n", 0, limits.request_line)
        if line < 0 and len(buffer) >= limits.request_line:
            raise HttpFault(414, f"request line is longer than {limits.request_line} bytes")
        if line >= 0 and len(buffer) - line - 2 > limits.header:
            raise HttpFault(431, f"header is larger than {limits.header} bytes")

    def _take_body(self, length: int | None) -> bytes | None:
        if self._chunks is not None:
            return self._chunks.take(self._buffer)
        if length is None or len(self._buffer) < length:
            return None
        if not length:
            return b""
        body = bytes(memoryview(self._buffer)[:length])
        del self._buffer[:length]
        return body
