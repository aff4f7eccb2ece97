"""A flush means that the broker has everything sent before it: what draining and announcing rest on."""

from __future__ import annotations

import asyncio

from nats.aio.msg import Msg

from crossply.wire.client import open_client
from crossply.wire.link import LinkConfig

INFO = b'INFO {"server_id":"S","version":"2.15.1","max_payload":1048576,"headers":true}\r\n'


class Listed:
    """A broker that answers pings and writes down the lines it gets."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)
        while line := await reader.readline():
            self.lines.append(line.partition(b" ")[0].strip())
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
        writer.close()


async def ignore(_message: Msg) -> None:
    raise AssertionError("nothing is sent here")


async def test_what_was_sent_before_a_flush_is_written_before_its_ping() -> None:
    listed = Listed()
    server = await asyncio.start_server(listed.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    config = LinkConfig(servers=(f"nats://127.0.0.1:{port}",), service="orders", instance="aaaaaaaaaaaa")
    client = await open_client(config, on_event=lambda _event: None, report=lambda _what, _error: None)
    listed.lines.clear()
    listening = await client.listen("a.b", ignore, queue="g")
    await client.publish("c.d", b"x")
    await client.flush(2)
    assert listed.lines == [b"SUB", b"PUB", b"x", b"PING"]
    await listening.aclose()
    assert listed.lines[4:] == [b"UNSUB", b"PING"]
    await client.shut()
    server.close()
    await server.wait_closed()
