"""The head of a request: parsed by llhttp, then held to what llhttp lets through.

llhttp sees exactly one head and none of the body, so nothing that one message leaves behind can shift where
the next one begins. What it tolerates and this module does not: several spaces in the request line, other
protocols' names and versions, other transfer codings before ``chunked``, ``chunked`` in HTTP/1.0, a missing,
doubled or odd ``Host``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import httptools

from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import METHODS, Fields, HttpFault

_REQUEST_LINE: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])\r\n")
_HOST: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")


@dataclass(slots=True, eq=False)
class Head:
    """What a request's head says; ``length`` is ``None`` when the body is chunked."""

    method: str
    target: str
    version: str
    headers: Fields
    length: int | None
    keep_alive: bool
    expects: bool


class _Collector:
    """What llhttp calls back."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: Fields = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")))


def parse_head(raw: bytes, limits: HttpLimits) -> Head:
    """Return what ``raw``, a head with its closing empty line, says; raise ``HttpFault``."""
    method, target, version = _request_line(raw, limits)
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # no upgrade is offered here: the request is answered as if it had not asked
    except httptools.HttpParserError as error:
        raise HttpFault(400, f"request is not valid HTTP: {str(error).lower()}") from error
    fields = collector.fields
    if len(fields) > limits.fields:
        raise HttpFault(431, f"request has {len(fields)} header fields, at most {limits.fields} are taken")
    _check_host(fields, version)
    length = _body_length(fields, version, limits)
    keep_alive = _keep_alive(fields, version)
    return Head(method, target, version, fields, length, keep_alive, _expects(fields, version))


def _request_line(raw: bytes, limits: HttpLimits) -> tuple[str, str, str]:
    end = raw.index(b"\r\n") + 2
    if end > limits.request_line:
        raise HttpFault(414, f"request line is longer than {limits.request_line} bytes")
    if len(raw) - end > limits.header:
        raise HttpFault(431, f"header is larger than {limits.header} bytes")
    match = _REQUEST_LINE.match(raw)
    if match is None or match.end() != end:
        raise HttpFault(400, "request line is not `METHOD target HTTP/1.1` with single spaces")
    if match[3] != b"1" or match[4] not in {b"0", b"1"}:
        raise HttpFault(505, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    method = match[1].decode("ascii")
    if method not in METHODS:
        raise HttpFault(501, f"method {method[:20]} is not carried; use one of {', '.join(METHODS)}")
    return method, match[2].decode("ascii"), f"1.{match[4].decode('ascii')}"


def _check_host(fields: Fields, version: str) -> None:
    hosts = [value for name, value in fields if name == "host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise HttpFault(400, f"request has {len(hosts)} Host fields, exactly one is needed")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise HttpFault(400, "host is neither a name nor an address")


def _body_length(fields: Fields, version: str, limits: HttpLimits) -> int | None:
    codings = [value for name, value in fields if name == "transfer-encoding"]
    lengths = [value for name, value in fields if name == "content-length"]
    if codings and lengths:
        raise HttpFault(400, "request has both Content-Length and Transfer-Encoding")
    if codings:
        if version == "1.0":
            raise HttpFault(400, "HTTP/1.0 has no Transfer-Encoding")
        if len(codings) > 1 or codings[0].lower() != "chunked":
            raise HttpFault(501, "the only transfer coding taken is chunked")
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise HttpFault(400, "Content-Length is not one number")
    if (length := int(lengths[0])) > limits.body:
        raise HttpFault(413, f"body has {length} bytes, at most {limits.body} are taken")
    return length


def _keep_alive(fields: Fields, version: str) -> bool:
    said = {option.strip().lower() for name, value in fields if name == "connection" for option in value.split(",")}
    return "close" not in said and (version == "1.1" or "keep-alive" in said)


def _expects(fields: Fields, version: str) -> bool:
    expectations = [value.lower() for name, value in fields if name == "expect"]
    if not expectations or version == "1.0":
        return False
    if expectations != ["100-continue"]:
        raise HttpFault(417, "the only expectation met here is 100-continue")
    return True
