"""The authority's HTTPS API, as commands use it: answers as plain data, refusals as failures."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import msgspec
from msgspec import Struct

from crossply import local
from crossply.errors import ConfigError
from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure

T = TypeVar("T")

DEFAULT: Final = "https://127.0.0.1:8701"
_TIMEOUT: Final = 10.0
_CODES: Final = {
    401: ExitCode.DENIED,
    403: ExitCode.DENIED,
    404: ExitCode.NOT_FOUND,
    409: ExitCode.CONFLICT,
    503: ExitCode.UNREACHABLE,
}


class _Problem(Struct):
    """What commands use of problem details."""

    detail: str


class AuthorityApi:
    """Asks one authority; every method raises Failure when it refuses or does not answer."""

    def __init__(self, client: httpx.AsyncClient, base: str) -> None:
        self._client = client
        self._base = base

    async def get(self, path: str, what: str, **parameters: Any) -> dict[str, Any]:
        """Return what lies at a path."""
        return await self._send("GET", path, what, params=parameters)

    async def post(self, path: str, what: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Have something done, and return what came of it."""
        return await self._send("POST", path, what, json=dict(body))

    async def delete(self, path: str, what: str) -> dict[str, Any]:
        """Have something removed, and return what came of it."""
        return await self._send("DELETE", path, what)

    async def _send(self, method: str, path: str, what: str, **settings: Any) -> dict[str, Any]:
        try:
            answer = await self._client.request(method, f"{self._base}{path}", timeout=_TIMEOUT, **settings)
        except httpx.HTTPError as error:
            raise Failure(
                f"the authority at {self._base} does not answer",
                why=str(error) or type(error).__name__,
                hint="see whether `crossply authority serve` runs there, and CROSSPLY_AUTHORITY is its address",
                code=ExitCode.UNREACHABLE,
            ) from error
        if not answer.is_success:
            raise Failure(f"{what} failed", why=_why(answer), code=_CODES.get(answer.status_code, ExitCode.FAILED))
        value: dict[str, Any] = answer.json()
        return value


def with_authority(ask: Callable[[AuthorityApi], Awaitable[T]]) -> T:
    """Return what `ask` makes of the authority, the environment's or this folder's; raise Failure, ConfigError."""

    async def asking() -> T:
        base, trusted, token = target(os.environ, Path.cwd())
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(verify=trusted, headers=headers, trust_env=False) as client:
            return await ask(AuthorityApi(client, base))

    return asyncio.run(asking())


def target(environ: Mapping[str, str], start: Path) -> tuple[str, ssl.SSLContext, str]:
    """Return the address, what its certificate must lead to, and the operator's token; raise ConfigError.

    Without CROSSPLY_AUTHORITY they are those of the mesh that runs in `start` or above it.
    """
    faults: list[str] = []
    found = None if environ.get("CROSSPLY_AUTHORITY") else local.find(environ, start, faults)
    base = environ.get("CROSSPLY_AUTHORITY") or (found.mesh.authority if found else "") or DEFAULT
    if not base.startswith("https://"):
        faults.append(f"CROSSPLY_AUTHORITY: {base!r} is not an address such as {DEFAULT}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    ca = environ.get("CROSSPLY_AUTHORITY_CA") or (found and found.ca) or ""
    try:
        # The mesh's own root and no other: a public authority's word counts for nothing here.
        context.load_verify_locations(cafile=ca or None, cadata=None if ca else "")
    except (OSError, ssl.SSLError, TypeError, ValueError) as error:
        faults.append(f"CROSSPLY_AUTHORITY_CA: cannot read {str(ca)!r} ({error}); set it to the ca.pem that init wrote")
    path = environ.get("CROSSPLY_OPERATOR_TOKEN_FILE") or (found and found.operator) or ""
    token = ""
    try:
        token = Path(path or "-").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"CROSSPLY_OPERATOR_TOKEN_FILE: cannot read {str(path)!r} ({error}); init wrote operator/token")
    if faults:
        raise ConfigError(faults)
    return base.rstrip("/"), context, token


def _why(answer: httpx.Response) -> str:
    try:
        return msgspec.json.decode(answer.content, type=_Problem).detail
    except msgspec.DecodeError:
        return f"status {answer.status_code}"
