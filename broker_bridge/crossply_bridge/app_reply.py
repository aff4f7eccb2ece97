"""The application's answer, parsed by llhttp and bounded; one reader for each exchange."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import httptools

from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import Fields

_INTERIM: Final = range(100, 200)
_SWITCHING: Final = 101
_BODILESS: Final = frozenset({204, 304})


class ReplyFault(Exception):
    """What the application sent cannot be passed on."""


@dataclass(slots=True, eq=False)
class AppReply:
    """A whole answer; ``reusable`` says whether its connection can carry another exchange."""

    status: int
    headers: Fields = field(default_factory=list[tuple[str, str]])
    body: bytes = b""
    reusable: bool = False


class ReplyReader:
    """Fed with bytes, says when the answer is whole; interim answers are read over."""

    def __init__(self, method: str, limits: HttpLimits) -> None:
        self._head_only = method == "HEAD"
        self._limits = limits
        self._parser = httptools.HttpResponseParser(self)
        self._fields: Fields = []
        self._body = bytearray()
        self._head_bytes = 0
        self._status = 0
        self._whole = False
        self._tainted = False
        self._fault: ReplyFault | None = None
        self.started = False

    def feed(self, data: bytes) -> AppReply | None:
        """Take bytes; return the answer when it is whole; raise ``ReplyFault``."""
        self.started = True
        if not self._status:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fault = ReplyFault("it switches protocols, which nobody asked for")
        except httptools.HttpParserError as error:
            if self._whole:
                self._tainted = True
            elif self._fault is None:
                self._fault = ReplyFault(f"it is not valid HTTP: {str(error).lower()}")
        if self._fault is not None:
            raise self._fault
        if not self._status and self._head_bytes > self._limits.header + self._limits.request_line:
            raise ReplyFault(f"its header is larger than {self._limits.header} bytes")
        return self._reply(reusable=self._keeps_alive()) if self._whole else None

    def finish(self) -> AppReply | None:
        """Return the answer that the end of the connection makes whole; ``None`` when it breaks it off."""
        if self._status and not self._framed() and not self._head_only:
            return self._reply(reusable=False)
        return None

    def on_message_begin(self) -> None:
        """Note what follows a whole answer: nobody asked for it."""
        self._tainted = self._tainted or self._whole

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a field; those after the body are dropped."""
        if not self._status:
            self._fields.append((name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Judge the head."""
        if self._whole:
            return
        status = self._parser.get_status_code()
        if status in _INTERIM:
            return
        self._status = status
        if self._parser.get_http_version() not in {"1.0", "1.1"}:
            self._refuse("it is not HTTP/1.1")
        if len(self._fields) > self._limits.fields:
            self._refuse(f"it has more than {self._limits.fields} header fields")
        if [coding.lower() for coding in self._values("transfer-encoding")] not in ([], ["chunked"]):
            self._refuse("its transfer coding is not chunked")
        if not self._head_only and any(int(length) > self._limits.body for length in self._values("content-length")):
            self._refuse(f"its body is larger than {self._limits.body} bytes")
        self._whole = self._head_only

    def on_body(self, data: bytes) -> None:
        """Keep a piece of the body."""
        if self._whole:
            self._tainted = True
            return
        self._body += data
        if len(self._body) > self._limits.body:
            self._refuse(f"its body is larger than {self._limits.body} bytes")

    def on_message_complete(self) -> None:
        """End the answer, or an interim one."""
        if self._status:
            self._whole = True
        else:
            self._fields.clear()

    def _refuse(self, why: str) -> None:
        self._fault = ReplyFault(why)
        raise self._fault

    def _reply(self, *, reusable: bool) -> AppReply:
        return AppReply(self._status, self._fields, bytes(self._body), reusable)

    def _keeps_alive(self) -> bool:
        said = {option.strip().lower() for value in self._values("connection") for option in value.split(",")}
        old = self._parser.get_http_version() == "1.0"
        asked = "keep-alive" in said if old else "close" not in said
        return asked and not self._tainted and (self._head_only or self._framed())

    def _framed(self) -> bool:
        """Say whether the head tells where the body ends."""
        return bool(self._status in _BODILESS or self._values("content-length") or self._values("transfer-encoding"))

    def _values(self, name: str) -> list[str]:
        return [value for each, value in self._fields if each == name]
