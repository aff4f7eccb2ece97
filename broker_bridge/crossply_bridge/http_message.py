"""An HTTP request and its answer, as the bridge's own code sees them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Fields: TypeAlias = list[tuple[str, str]]
"""Header fields in order: names in lower case, values without the space around them."""

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""The methods that are carried."""

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
"""Methods that may be sent again (RFC 9110, 9.2.2)."""


class HttpFault(Exception):
    """A request is refused; ``status`` and ``detail`` say how and why, ``headers`` go with the answer."""

    def __init__(self, status: int, detail: str, headers: Fields | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers: Fields = headers or []


@dataclass(slots=True, eq=False)
class HttpRequest:
    """One whole request; ``peer`` is the address of the client's end of the connection."""

    method: str
    target: str
    headers: Fields = field(default_factory=list[tuple[str, str]])
    body: bytes = b""
    version: str = "1.1"
    keep_alive: bool = True
    peer: str = ""

    def one(self, name: str) -> str | None:
        """Return the value of a field that may stand once; raise ``HttpFault`` when it stands more often."""
        values = [value for each, value in self.headers if each == name]
        if len(values) > 1:
            raise HttpFault(400, f"header {name} stands {len(values)} times; send it once")
        return values[0] if values else None


@dataclass(slots=True, eq=False)
class HttpResponse:
    """One whole answer; the length of the body is added when it is written."""

    status: int
    headers: Fields = field(default_factory=list[tuple[str, str]])
    body: bytes = b""


Exchange: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponse]]
"""Turns a request into its answer; cancelled when the client goes away."""
