"""Whether a process really does its work: asked the way its users ask, until it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import httpx
import msgspec

from crossply_cli.exit_codes import ExitCode
from crossply_cli.failure import Failure
from crossply_cli.up.ports import LOOPBACK

if TYPE_CHECKING:
    import ssl

    from crossply_cli.up.child import Child

Probe: TypeAlias = Callable[[], Awaitable[str | None]]
"""Asks once; returns what is missing, None when nothing is."""

_BEAT, _ANSWER = 0.05, 2.0
_DEATHS: Final = 3


async def ready(probe: Probe, name: str, timeout: float, *children: Child) -> None:
    """Return once the probe finds nothing missing.

    Raises Failure after `timeout` seconds, and at once when one of the children is not fit to run: its
    configuration is refused, or it died three times.
    """
    deadline = asyncio.get_running_loop().time() + timeout
    while (missing := await probe()) is not None:
        for child in children:
            if child.last_code == ExitCode.CONFIG or child.deaths >= _DEATHS:
                raise _unfit(child)
        if asyncio.get_running_loop().time() > deadline:
            tails = [line for child in children for line in child.tail()]
            logs = " and ".join(str(child.spec.log) for child in children)
            raise Failure(f"{name} is not ready after {timeout:g} s", why=missing, details=tails, hint=f"read {logs}")
        await asyncio.sleep(_BEAT)


def broker(port: int, server_name: str) -> Probe:
    """Return a probe: the broker of that name listens on the port, with JetStream; nobody else's will do."""

    async def asking() -> str | None:
        said = await greeting(port)
        if not said:
            return f"port {port} does not answer as a broker"
        if said.get("server_name") != server_name:
            return f"another broker answers on port {port}"
        return None if said.get("jetstream") else "JetStream is not up yet"

    return asking


async def greeting(port: int) -> dict[str, Any]:
    """Return what a broker says of itself to whoever connects; nothing when none is there."""
    try:
        async with asyncio.timeout(_ANSWER):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                line = await reader.readline()
            finally:
                writer.close()
        return msgspec.json.decode(line.removeprefix(b"INFO "), type=dict[str, Any])
    except (OSError, TimeoutError, ValueError, msgspec.DecodeError):
        return {}


def http(client: httpx.AsyncClient, url: str) -> Probe:
    """Return a probe: a GET of the address is answered with 200."""

    async def asking() -> str | None:
        try:
            answer = await client.get(url, timeout=_ANSWER)
        except httpx.HTTPError as error:
            return f"{url} does not answer ({str(error) or type(error).__name__})"
        return None if answer.status_code == HTTPStatus.OK else f"{url} answers {answer.status_code}"

    return asking


def loopback_client(trusted: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """Return a client that reaches loopback whatever proxy the environment names."""
    return httpx.AsyncClient(trust_env=False, verify=True if trusted is None else trusted)


def _unfit(child: Child) -> Failure:
    refused = child.last_code == ExitCode.CONFIG
    what = f"{child.spec.name} refuses its configuration" if refused else f"{child.spec.name} keeps dying"
    return Failure(
        what,
        why=f"it ended with code {child.last_code}",
        details=child.tail(),
        hint=f"read {child.spec.log}",
        code=ExitCode.CONFIG if refused else ExitCode.FAILED,
    )
