"""The authority's HTTPS API as a joining process uses it: one request, one connection, no HTTP library."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from crossply.errors import Unavailable
from crossply.identity.issued import Issued, IssuedFault, trusting

_LONGEST = 256 * 1024
_BY_THE_CLOCK = {9: "not in force yet", 10: "over"}
"""What OpenSSL says of certificates that were verified at a moment outside their validity."""
_OK, _REFUSED = 200, range(400, 500)


class Refused(Exception):
    """The authority says no, and why; trying again changes nothing."""


class _Problem(msgspec.Struct):
    detail: str = ""


class Authority:
    """One authority (or several behind a name), which shows a certificate of the root at ``ca``."""

    def __init__(self, url: str, ca: Path, trust_domain: str, tenant: str) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        self._port = parts.port or 443
        self._ca = ca
        self._identity = f"spiffe://{trust_domain}/t/{tenant}/svc/authority"
        self.url = url

    async def join(self, body: dict[str, Any], timeout: float) -> Issued:
        """Return what it issues; raise Refused, or Unavailable when it does not answer within ``timeout`` seconds."""
        try:
            async with asyncio.timeout(timeout):
                status, answer = await self._post(msgspec.json.encode(body))
        except (OSError, ssl.SSLError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            why = str(error) or type(error).__name__
            if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in _BY_THE_CLOCK:
                why = (
                    f"its certificate is {_BY_THE_CLOCK[error.verify_code]} by this machine's clock, which may be wrong"
                )
            raise Unavailable(f"authority {self.url} does not answer: {why}; is CROSSPLY_AUTHORITY right?") from error
        if status in _REFUSED:
            raise Refused(_detail(answer) or f"status {status}")
        if status != _OK:
            raise Unavailable(f"authority {self.url}: {_detail(answer) or f'status {status}'}")
        return opened(answer)

    async def _post(self, body: bytes) -> tuple[int, bytes]:
        context = trusting(self._ca)
        reader, writer = await asyncio.open_connection(self._host, self._port, ssl=context, server_hostname=self._host)
        try:
            self._check_peer(writer.get_extra_info("ssl_object"))
            head = (
                "POST /v1/join HTTP/1.1",
                f"Host: {self._host}",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
                "Connection: close",
            )
            writer.write("\r\n".join((*head, "", "")).encode() + body)
            await writer.drain()
            return _answer(await reader.read(_LONGEST), await _rest(reader))
        finally:
            writer.transport.abort()

    def _check_peer(self, peer: ssl.SSLObject) -> None:
        """Raise ValueError unless it is the authority: any service has a certificate of this root."""
        shown: Any = peer.getpeercert() or {}
        if ("URI", self._identity) not in shown.get("subjectAltName", ()):
            raise ValueError(f"its certificate is not that of {self._identity}")


async def _rest(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while part := await reader.read(_LONGEST):
        parts.append(part)
        if sum(map(len, parts)) > _LONGEST:
            raise ValueError("its answer has no end")
    return b"".join(parts)


def opened(answer: bytes) -> Issued:
    """Return what an answer says was issued; raise IssuedFault."""
    try:
        return msgspec.json.decode(answer, type=Issued)
    except msgspec.DecodeError as error:
        raise IssuedFault(f"its answer does not decode: {error}") from error


def _answer(first: bytes, rest: bytes) -> tuple[int, bytes]:
    """Return status and body of a whole answer; raise ValueError."""
    head, found, body = (first + rest).partition(b"\r\n\r\n")
    words = head.split(b"\r\n", 1)[0].split(b" ", 2)
    if not found or not words[0].startswith(b"HTTP/1.") or b"transfer-encoding" in head.lower():
        raise ValueError("it does not speak HTTP as an authority does")
    return int(words[1]), body


def _detail(answer: bytes) -> str:
    try:
        return msgspec.json.decode(answer, type=_Problem).detail
    except msgspec.DecodeError:
        return ""
