"""What the wire relies on in nats-py beyond its documented API: these private names, with this in them."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from typing import Any, Self

import msgspec
import pytest
from nats.aio.client import Client

from crossply.tls import TlsFiles
from crossply.wire.connection import Connection
from crossply.wire.dial import DialFault, dial
from crossply.wire.link import LinkConfig

INFO = {"server_id": "S", "version": "2.15.1", "max_payload": 1048576, "headers": True}


class Told:
    """An owner that writes down what it is told."""

    def __init__(self) -> None:
        self.said: list[object] = []

    def lost(self, connection: Connection, why: str) -> None:
        self.said.append(("lost", why))

    def reading(self) -> None: ...

    def informed(self, connection: Connection, info: dict[str, Any]) -> None:
        self.said.append(("informed", info.get("max_payload"), info.get("ldm")))

    def refused(self, connection: Connection, why: str) -> None:
        self.said.append(("refused", why))

    def dropped(self, subject: bytes, error: Exception) -> None:
        self.said.append(("dropped", subject, repr(error)))


class Scripted:
    """A broker that shakes hands, says what the test gives it, and writes down what it gets."""

    def __init__(self, *, before_pong: bytes = b"", after_pong: bytes = b"", pongs: bool = True) -> None:
        self._before_pong = before_pong
        self._after_pong = after_pong
        self._pongs = pongs
        self.lines: list[bytes] = []
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"INFO " + msgspec.json.encode(INFO) + b"\r\n")
        pinged = False
        with contextlib.suppress(ConnectionResetError), contextlib.closing(writer):
            while line := await reader.readline():
                self.lines.append(line.strip())
                if line.startswith(b"PING"):
                    if not self._pongs:
                        break
                    writer.write(b"PONG\r\n" if pinged else self._before_pong + b"PONG\r\n" + self._after_pong)
                    pinged = True


def ignore(_subject: bytes, _reply: bytes, _payload: bytes, _headers: bytes) -> None:
    raise AssertionError("nothing is sent here")


async def connected(broker: Scripted, told: Told) -> Connection:
    config = LinkConfig(servers=(), service="orders", instance="aaaaaaaaaaaa")
    return await dial(f"nats://127.0.0.1:{broker.port}", {}, config, told, 2.0)


def test_the_client_keeps_its_parts_under_the_names_that_taking_over_uses() -> None:
    names = {"_transport", "_reading_task", "_ping_interval_task", "_flusher_task", "_server_info"}
    assert names <= vars(Client()).keys()
    assert "_connect_command" in vars(Client)


def test_the_client_takes_the_options_that_dialling_gives() -> None:
    options = {"name", "error_cb", "allow_reconnect", "max_reconnect_attempts", "reconnect_time_wait"}
    assert options | {"connect_timeout", "tls", "tls_hostname", "user", "password", "token"} <= set(
        inspect.signature(Client.connect).parameters
    )


async def test_nothing_of_nats_pys_own_runs_on_after_the_handshake() -> None:
    async with Scripted() as broker:
        before = asyncio.all_tasks()
        connection = await connected(broker, Told())
        await asyncio.sleep(0.01)
        # The broker's own task is the one that is new.
        assert len(asyncio.all_tasks() - before) == 1
        await connection.aclose()


async def test_what_came_with_the_handshake_is_not_lost() -> None:
    told = Told()
    async with Scripted(after_pong=b'INFO {"max_payload":2048,"ldm":true}\r\n') as broker:
        connection = await connected(broker, told)
        await connection.ping()
        assert ("informed", 2048, True) in told.said
        assert connection.max_payload == 2048
        await connection.aclose()


async def test_a_broker_that_asks_whether_the_client_is_there_before_it_lets_it_in_is_answered() -> None:
    async with Scripted(before_pong=b"PING\r\nPING\r\n") as broker:
        connection = await connected(broker, Told())
        await connection.ping()
        assert broker.lines.count(b"PONG") == 2
        await connection.aclose()


async def test_a_broker_that_ends_the_connection_instead_of_answering_is_no_connection() -> None:
    async with Scripted(pongs=False) as broker:
        with pytest.raises(DialFault, match=r"closed the connection|reset|lost"):
            await connected(broker, Told())


async def test_nothing_is_said_of_oneself_without_tls_when_it_was_asked_for() -> None:
    async with Scripted() as broker:
        config = LinkConfig(servers=(), service="orders", instance="aaaaaaaaaaaa", tls=TlsFiles())
        with pytest.raises(DialFault, match="offers no TLS"):
            await dial(f"nats://127.0.0.1:{broker.port}", {"user": "u", "password": "p"}, config, Told(), 2.0)
        assert broker.lines == []


async def test_what_was_sent_before_a_ping_is_written_before_it() -> None:
    async with Scripted() as broker:
        connection = await connected(broker, Told())
        broker.lines.clear()
        connection.subscribe(1, b"a.b", b"g", ignore)
        connection.send(b"c.d", b"x")
        await connection.ping()
        assert [line.partition(b" ")[0] for line in broker.lines] == [b"SUB", b"PUB", b"x", b"PING"]
        await connection.aclose()
