"""The connection: nats-py's client, kept from closing for ever or dying in its read loop.

The private names of nats-py that Crossply relies on stand in this file only; ``tests/contract`` pins them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from nats import errors as nats_errors
from nats.aio.client import Client

from crossply.errors import Origin, Unavailable
from crossply.wire.link import ConnectionEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from crossply.wire.link import LinkConfig

Take: TypeAlias = "Callable[[Msg], Coroutine[Any, Any, None]]"

_SURVIVABLE = (
    "expired",
    "revoked",
    "maximum payload",
    "maximum connections",
    "maximum control line",
    "authentication timeout",
    "maximum subscriptions",
)
_RECONNECT_WAIT = 0.2
_PING_INTERVAL = 5
_HIGH_WATER = 2 * 1024 * 1024
_NEVER_FORCED = 16 * _HIGH_WATER
_PATIENCE = 5.0
_CLOSE_TIMEOUT = 1.0
_SOON = 0.005


class MeshClient(Client):
    """nats-py closes for ever on most ``-ERR`` and stops reading when one message raises; this one reconnects."""

    def __init__(self, report: Callable[[str, BaseException], None]) -> None:
        super().__init__()
        self._report = report

    async def _process_err(self, err_msg: str) -> None:
        text = err_msg.lower()
        if any(known in text for known in _SURVIVABLE):
            await self._process_op_err(nats_errors.Error(f"nats: {text}"))
            return
        await super()._process_err(err_msg)

    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes) -> None:
        try:
            await super()._process_msg(sid, subject, reply, data, headers)
        except Exception as error:  # noqa: BLE001 - one bad message must not end the read loop
            self._report("message dropped", error)

    async def _send_ping(self, future: asyncio.Future[Any] | None = None) -> None:
        # nats-py writes its PING ahead of what still waits to be written; a PONG must mean that all of it arrived.
        if self._transport is not None and self.is_connected and self._pending:
            self._transport.writelines(self._pending)
            self._pending, self._pending_data_size = [], 0
        await super()._send_ping(future)  # pyright: ignore[reportUnknownMemberType]  # nats-py leaves a parameter untyped

    async def publish(
        self, subject: str, payload: bytes = b"", reply: str = "", headers: dict[str, Any] | None = None
    ) -> None:
        """Publish; raise ``Unavailable`` instead of waiting behind a broker that takes nothing."""
        if self.pending_data_size >= _HIGH_WATER:
            await self.room(_PATIENCE, subject)
        try:
            await super().publish(subject, payload, reply, headers)
        except nats_errors.Error as error:
            raise Unavailable(f"{subject}: not sent: {error}", origin=Origin.WIRE) from error

    async def room(self, timeout: float, what: str) -> None:
        """Wait until little enough is unsent; raise ``Unavailable`` when that takes longer than ``timeout``.

        nats-py itself would wait without end, and take a cancelled wait for success.
        """
        try:
            async with asyncio.timeout(timeout):
                while self.pending_data_size >= _HIGH_WATER:  # noqa: ASYNC110 - nats-py has no event for it
                    await asyncio.sleep(_SOON)
        except TimeoutError:
            raise Unavailable(
                f"{what}: the broker has not taken what was sent before, so this was not sent",
                origin=Origin.WIRE,
            ) from None

    async def shut(self) -> None:
        """Close; a broker that takes nothing is left without its consent."""
        closing = asyncio.ensure_future(self.close())
        _, waiting = await asyncio.wait({closing}, timeout=_CLOSE_TIMEOUT)
        if waiting:
            writer = getattr(self._transport, "_io_writer", None)
            if writer is not None:
                writer.transport.abort()
            await asyncio.wait({closing}, timeout=_CLOSE_TIMEOUT)
            closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)

    async def listen(self, subject: str, take: Take, *, queue: str = "") -> Listening:
        """Hand each message on ``subject`` to ``take``, one after the other."""
        return Listening(await self.subscribe(subject, queue=queue, cb=take))  # pyright: ignore[reportUnknownMemberType]  # nats-py leaves a parameter untyped


class Listening:
    """One subscription."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription

    async def aclose(self, timeout: float = 2.0) -> None:
        """End it after what it already got; a broker that is away cannot hold this up."""
        try:
            async with asyncio.timeout(timeout):
                await self._subscription.drain()  # type: ignore[no-untyped-call]  # nats-py leaves it untyped
        except (TimeoutError, nats_errors.Error):
            return


async def open_client(
    config: LinkConfig,
    *,
    on_event: Callable[[ConnectionEvent], None],
    report: Callable[[str, BaseException], None],
) -> MeshClient:
    """Return a connected client; raise ``Unavailable`` when no broker answers within ``connect_timeout``."""

    async def disconnected() -> None:
        on_event(ConnectionEvent.DISCONNECTED)

    async def reconnected() -> None:
        on_event(ConnectionEvent.RECONNECTED)

    async def closed() -> None:
        on_event(ConnectionEvent.CLOSED)

    async def lame_duck() -> None:
        on_event(ConnectionEvent.LAME_DUCK)
        await client.force_reconnect()

    refused: list[Exception] = []

    async def failed(error: Exception) -> None:
        # While there is no connection every try fails the same way; that it is lost was said once.
        if client.is_connected:
            report("broker error", error)
        else:
            refused[:] = [error]

    client = MeshClient(report)
    servers, credentials = _split(config.servers)
    try:
        await asyncio.wait_for(
            client.connect(
                servers,
                name=f"{config.service}/{config.instance}",
                error_cb=failed,
                disconnected_cb=disconnected,
                reconnected_cb=reconnected,
                closed_cb=closed,
                lame_duck_mode_cb=lame_duck,
                allow_reconnect=config.reconnect,
                connect_timeout=max(1, round(config.connect_timeout)),
                reconnect_time_wait=_RECONNECT_WAIT,  # type: ignore[arg-type]  # typed int, used as seconds
                max_reconnect_attempts=-1 if config.reconnect else 1,
                ping_interval=_PING_INTERVAL,
                max_outstanding_pings=2,
                # Above this nats-py would wait for the flush; ``room`` keeps far below it.
                pending_size=_NEVER_FORCED,
                **credentials,  # type: ignore[arg-type]  # user, password or token, by name
            ),
            config.connect_timeout,
        )
    except (OSError, TimeoutError, nats_errors.Error) as error:
        await _abandon(client)
        reason = "; ".join(str(each) or type(each).__name__ for each in refused or [error])
        raise Unavailable(
            f"broker {_plain(config.servers)} did not accept a connection within {config.connect_timeout:g} s"
            f" ({reason}); is it running, and is CROSSPLY_NATS_URL right?",
            origin=Origin.WIRE,
        ) from error
    return client


async def _abandon(client: MeshClient) -> None:
    # It never opened, so there is nothing to save.
    await client.shut()


def _split(servers: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
    """Take user and password out of the URLs: nats-py does not use them for servers learned by gossip."""
    credentials: dict[str, str] = {}
    plain: list[str] = []
    for server in servers:
        parts = urlsplit(server if "://" in server else f"nats://{server}")
        if parts.username and parts.password:
            credentials = {"user": parts.username, "password": parts.password}
        elif parts.username:
            credentials = {"token": parts.username}
        plain.append(f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}")
    return plain, credentials


def _plain(servers: tuple[str, ...]) -> str:
    return ", ".join(_split(servers)[0])
