"""Which header fields travel, which stay on their hop, and which only the bridge itself may set."""

from __future__ import annotations

import re
from typing import Final

from crossply_bridge.http_message import Fields

HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "expect",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 9110, 7.6.1, with what HTTP/1.0 and the upgrade to HTTP/2 add."""

_FRAMING: Final = HOP_BY_HOP | {"content-length", "host"}
_TRACE: Final = frozenset({"traceparent", "tracestate", "baggage"})
_RESERVED: Final = ("crossply-", "nats-")
_EDGE: Final = (*_RESERVED, "x-forwarded-", "x-envoy-")
_EDGE_NAMES: Final = frozenset({"forwarded", "x-real-ip"})
_OVERRIDES: Final = frozenset(
    {
        "x-envoy-original-path",
        "x-http-method",
        "x-http-method-override",
        "x-method-override",
        "x-original-uri",
        "x-original-url",
        "x-rewrite-url",
    }
)
"""What applications take for method and path instead of those that were decided about."""
_NAMES: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STRANGE: Final = re.compile(r"[^\t\x20-\x7e\x80-\xff]")


class HeaderFault(ValueError):
    """A field cannot be written as HTTP: its name is no token, or it has a control character."""


def checked(fields: Fields) -> Fields:
    """Return the fields if each can be written as one line; raise ``HeaderFault``."""
    for name, _ in fields:
        if not _NAMES.fullmatch(name):
            raise HeaderFault(f"header name {name[:40]!r} is not a token")
    if _STRANGE.search("".join([value for _, value in fields])):
        raise HeaderFault("a header value has a line break or another control character")
    return fields


def end_to_end(fields: Fields) -> Fields:
    """Return the fields that travel on: not those of the hop, which `Connection` extends, nor the framing."""
    named = named_by_connection(fields)
    return [field for field in fields if field[0] not in named and _plain(field[0]) not in _FRAMING]


def named_by_connection(fields: Fields) -> frozenset[str]:
    """Return the lower-case field names that `Connection` says belong to the hop."""
    lines = [value for name, value in fields if name == "connection"]
    return frozenset(option.strip().lower() for line in lines for option in line.split(","))


def lowered(fields: Fields) -> Fields:
    """Return the fields with names in lower case, the one spelling inside the bridge."""
    return [(name.lower(), value) for name, value in fields]


def without_reserved(fields: Fields) -> Fields:
    """Return the fields without those that mean something inside the mesh or to the broker, however they are spelt."""
    return [field for field in fields if not _plain(field[0]).startswith(_RESERVED)]


def without_overrides(fields: Fields) -> Fields:
    """Return the fields of a request without those that would have it mean another method or path."""
    return [field for field in fields if _plain(field[0]) not in _OVERRIDES]


def from_outside(fields: Fields, *, peer: str, host: str | None) -> Fields:
    """Return what an HTTP request from outside brings into the mesh.

    Trace context is dropped here and travels with the call itself. What clients say of who forwarded for whom
    is replaced by what the bridge knows: the client's address, plain HTTP, and the host it asked for.
    """
    kept = [field for field in without_overrides(end_to_end(fields)) if not _of_the_edge(_plain(field[0]))]
    kept.append(("x-forwarded-for", peer))
    kept.append(("x-forwarded-proto", "http"))
    if host:
        kept.append(("x-forwarded-host", host))
    kept.append(("via", "1.1 crossply"))
    return kept


def _of_the_edge(name: str) -> bool:
    return name in _TRACE or name in _EDGE_NAMES or name.startswith(_EDGE)


def _plain(name: str) -> str:
    """Return a name as applications behind CGI or WSGI read it, to whom `_` and `-` are the same."""
    return name.replace("_", "-")
