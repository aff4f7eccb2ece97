"""HTTP exchanges with the application beside this bridge; their failures become the mesh's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from crossply.clock import Clock, monotonic
from crossply.errors import DeadlineExceeded, Disconnected, Executed, IntegrityFailed, Unavailable
from crossply_bridge.address import AppAddress, Resolve, resolve
from crossply_bridge.app_connection import AppConnection, Broken
from crossply_bridge.app_pool import AppPool, PoolLimits
from crossply_bridge.app_reply import AppReply, ReplyFault
from crossply_bridge.http_limits import HttpLimits
from crossply_bridge.http_message import IDEMPOTENT, Fields

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True)
class AppRequest:
    """A request as the application gets it: ``path`` and ``headers`` are checked, without framing fields."""

    method: str
    path: str
    headers: Fields
    body: bytes = b""


class Upstream:
    """Exchanges over pooled connections to one address."""

    def __init__(
        self,
        address: AppAddress,
        *,
        pool: PoolLimits | None = None,
        limits: HttpLimits | None = None,
        connect_timeout: float = 1.0,
        clock: Clock = monotonic,
        resolver: Resolve = resolve,
    ) -> None:
        self._address = address
        self._limits = limits or HttpLimits()
        self._connect_timeout = connect_timeout
        self._clock = clock
        self._resolve = resolver
        self._pool = AppPool(self._open, pool or PoolLimits(), clock)

    async def send(self, request: AppRequest, deadline: float) -> AppReply:
        """Return the application's answer by ``deadline`` (monotonic).

        Raises ``Unavailable`` when there is no connection, ``Overloaded`` when too many wait for one,
        ``DeadlineExceeded``, ``Disconnected`` when the exchange broke, ``IntegrityFailed`` for an unusable
        answer.
        """
        sending = _Sending(self._pool, request, encode(request, self._address))
        try:
            async with asyncio.timeout(_remaining(deadline, self._clock)):
                return await sending.run()
        except TimeoutError as error:
            executed = Executed.MAYBE if sending.sent else Executed.NO
            raise DeadlineExceeded(f"application {self._address} did not answer in time", executed=executed) from error
        except Broken as error:
            raise Disconnected(f"application {self._address} closed the connection without an answer") from error
        except ReplyFault as fault:
            raise IntegrityFailed(
                f"application {self._address} gave an answer that cannot be passed on: {fault}",
                executed=Executed.YES,
            ) from fault

    async def aclose(self) -> None:
        """Close idle connections."""
        await self._pool.aclose()

    async def _open(self) -> AppConnection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_timeout):
                hosts = await self._resolve(self._address)
                for host in hosts[:-1]:
                    try:
                        return (await loop.create_connection(self._connection, host, self._address.port))[1]
                    except OSError:
                        continue
                return (await loop.create_connection(self._connection, hosts[-1], self._address.port))[1]
        except TimeoutError as error:
            raise Unavailable(
                f"application {self._address} takes no connection within {self._connect_timeout:g} s"
            ) from error
        except OSError as error:
            raise Unavailable(f"application {self._address} cannot be reached: {error}") from error

    def _connection(self) -> AppConnection:
        return AppConnection(self._limits)


class _Sending:
    """One request on its way: sent once, and once more when it met a connection that had just been closed."""

    def __init__(self, pool: AppPool, request: AppRequest, message: bytes) -> None:
        self._pool = pool
        self._request = request
        self._message = message
        self.sent = False

    async def run(self) -> AppReply:
        connection, used = await self._pool.take()
        try:
            return await self._over(connection)
        except Broken as broken:
            if not used or broken.started or self._request.method not in IDEMPOTENT:
                raise
        connection, _ = await self._pool.take(fresh=True)
        return await self._over(connection)

    async def _over(self, connection: AppConnection) -> AppReply:
        self.sent = True
        try:
            return await connection.exchange(self._message, self._request.method)
        finally:
            self._pool.give_back(connection)


def encode(request: AppRequest, address: AppAddress) -> bytes:
    """Return a request as bytes on the wire, with the application's own name as its host."""
    lines = [f"{request.method} {request.path} HTTP/1.1\r\nhost: {address}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in request.headers]
    if request.body or request.method in _WITH_BODY:
        lines.append(f"content-length: {len(request.body)}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("latin-1") + request.body


def _remaining(deadline: float, clock: Clock) -> float | None:
    return None if deadline == float("inf") else max(0.0, deadline - clock())
