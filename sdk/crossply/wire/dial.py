"""Opens connections: nats-py does handshake, TLS and credentials, then hands its transport over.

What nats-py does after the handshake is where it closes for ever, waits without end and drops what it should
have said (docs/decisions/0012), so its tasks are ended before they begin. This file holds every private name of
nats-py that Crossply relies on; ``tests/contract`` pins them.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

import msgspec
from nats import errors as nats_errors
from nats.aio.client import Client

from crossply.tls import SCHEME, Tls, TlsFault, TlsFiles
from crossply.wire.connection import Connection
from crossply.wire.dial_name import NameTooLong, named
from crossply.wire.dial_tls import explained, is_refusal, name_to_check

if TYPE_CHECKING:
    from crossply.wire.connection import Owner
    from crossply.wire.link import LinkConfig
    from crossply.wire.nkey import Nkey


ONE_STEP: Final = 2.0
"""Seconds for each step until the broker knows who connects; it may have to ask somebody else what that may."""


class DialFault(Exception):
    """No connection to this server: the message says why; ``refused`` that it does not let this side in."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class Dial(Protocol):
    """What ``dial`` does; a simulation puts another in its place."""

    async def __call__(
        self, address: str, credentials: dict[str, str], config: LinkConfig, owner: Owner, timeout: float, /
    ) -> Connection:
        """Return an open connection to one server; raise ``DialFault`` when there is none within ``timeout``."""
        ...


class NoTls(nats_errors.Error):
    """The broker offers no TLS where it was asked for."""

    def __str__(self) -> str:
        return "the broker offers no TLS, and nothing is said to it without"


class Handshake(Client):
    """nats-py's client until it is connected, and nothing of it afterwards."""

    def __init__(self, *, encrypted: bool, nkey: Nkey | None = None) -> None:
        super().__init__()
        self._encrypted = encrypted
        self._nkey = nkey
        self.answer_within = ONE_STEP

    def _connect_command(self) -> bytes:
        """Say who this is, but never in the clear to whoever merely claims that the broker speaks no TLS."""
        streams: Any = self._transport
        if self._encrypted and streams._io_writer.get_extra_info("ssl_object") is None:
            raise NoTls
        if self._encrypted and (stream := streams._io_writer.transport.get_protocol()) is not None:
            # As asyncio's own start_tls does: TLS is never half open, and asyncio warns where the stream asks to be.
            stream._over_ssl = True
        self.options["connect_timeout"] = self.answer_within
        patient: Any = _Patient(streams)
        self._transport = patient
        line = super()._connect_command()
        return line if self._nkey is None else _signed(line, self._nkey, self._server_info.get("nonce", ""))

    def hand_over(self) -> tuple[asyncio.Transport, bytes, dict[str, Any]]:
        """Return the transport, what was read from it already, and the broker's INFO.

        Nothing may run between this and the first ``set_protocol``, so that no byte is read by nats-py and lost.
        """
        self._end_tasks()
        streams: Any = self._transport
        reader: Any = streams._io_reader
        return streams._io_writer.transport, bytes(reader._buffer), self._server_info

    @property
    def broke(self) -> BaseException | None:
        """What ended the connection, where asyncio knows more than the error that it raised: an alert of TLS."""
        reader = getattr(self._transport, "_io_reader", None)
        return reader.exception() if reader is not None else None

    def drop(self) -> None:
        """Leave a connection that did not come about."""
        self._end_tasks()
        writer = getattr(self._transport, "_io_writer", None)
        if writer is not None:
            writer.transport.abort()

    def _end_tasks(self) -> None:
        kept: Any = self  # nats-py leaves the types of its tasks open
        tasks = (kept._reading_task, kept._ping_interval_task, kept._flusher_task)
        for task in tasks:
            if task is not None:
                task.cancel()


async def dial(
    address: str, credentials: dict[str, str], config: LinkConfig, owner: Owner, timeout: float
) -> Connection:
    """Return an open connection to one server; raise ``DialFault`` when there is none within ``timeout`` seconds."""
    files: Tls | None = config.tls or (TlsFiles() if address.startswith(SCHEME) else None)
    client = Handshake(encrypted=files is not None, nkey=config.nkey)
    client.answer_within = timeout
    refused: list[Exception] = []

    async def failed(error: Exception) -> None:
        refused[:] = [error]

    try:
        async with asyncio.timeout(timeout):
            # In a thread: to read all authorities of a system takes as long as a thousand calls.
            context = await asyncio.to_thread(files.context) if files is not None else None
            await client.connect(
                [address],
                name=named(config.service, config.instance, config.needs),
                error_cb=failed,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=max(1, round(min(ONE_STEP, timeout))),
                tls=context,
                tls_hostname=name_to_check(address, config.servers) if context is not None else None,
                **credentials,  # type: ignore[arg-type]  # user, password or token, by name
            )
        if not client.is_connected:
            raise ConnectionResetError("the broker closed the connection during the handshake")  # noqa: TRY301 - said in one way
    except (TlsFault, NameTooLong) as fault:
        raise DialFault(str(fault)) from fault
    except (OSError, TimeoutError, nats_errors.Error) as error:
        client.drop()
        reason = client.broke or (refused or [error])[0]
        raise DialFault(explained(reason, files), refused=is_refusal(reason, files)) from error
    except BaseException:
        client.drop()
        raise
    transport, read, info = client.hand_over()
    # The client is kept, as its stream would close the transport when it is collected.
    connection = Connection(urlsplit(address).netloc, info, owner, keep=client)
    connection.begin(transport, read)
    owner.informed(connection, info)
    return connection


class _Patient:
    """nats-py's streams, but for pings: it takes any line for the end of the handshake.

    A broker that has waited for the authority for two seconds asks first whether the client is still there.
    """

    def __init__(self, streams: Any) -> None:
        self._streams = streams

    def __getattr__(self, name: str) -> Any:
        return getattr(self._streams, name)

    async def readline(self) -> bytes:
        while True:
            line: bytes = await self._streams.readline()
            if not line.startswith(b"PING"):
                return line
            self._streams.write(b"PONG\r\n")


def _signed(line: bytes, nkey: Nkey, nonce: str) -> bytes:
    """Return the first line of a client with the user that it is, and the proof of that."""
    word, _, rest = line.partition(b" ")
    said: dict[str, Any] = msgspec.json.decode(rest)
    signature = urlsafe_b64encode(nkey.sign(nonce.encode())).rstrip(b"=").decode()
    return b"%b %b\r\n" % (word, msgspec.json.encode({**said, "nkey": nkey.name, "sig": signature}))
