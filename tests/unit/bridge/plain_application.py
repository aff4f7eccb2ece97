"""A plain HTTP application that says what it was asked; it can fall ill, hang, and break off."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator

BLOB = b"0123456789" * 90_000


class PlainApplication:
    """Answers ``/healthz``, ``/status/<n>``, ``/blob``, ``/slow``, ``/break``; elsewhere with what came."""

    def __init__(self) -> None:
        self.port = 0
        self.health = 200
        self.asked: list[str] = []
        self.slow = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None] | None] = {}

    @property
    def url(self) -> str:
        """Where a bridge finds it."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; again on the same port after a stop."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Break every connection and stop listening."""
        if self._server is not None:
            self._server.close()
            connections = dict(self._connections)
            for writer in connections:
                writer.transport.abort()
            await asyncio.gather(*(task for task in connections.values() if task), return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections[writer] = asyncio.current_task()
        try:
            while await self._exchange(reader, writer):
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            del self._connections[writer]
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        fields = [line.split(": ", 1) for line in lines[1:] if line]
        body = await reader.readexactly(int(dict(fields).get("content-length", "0")))
        if path != "/healthz":
            self.asked.append(f"{method} {path}")
        if path == "/break":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            return False
        if path == "/slow":
            await self.slow.wait()
        status, answer = self._answer(method, path, fields, body)
        head = f"HTTP/1.1 {status} Fine\r\nContent-Type: application/json\r\n"
        head += "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        if status != 204:
            head += f"Content-Length: {len(answer)}\r\n"
        writer.write(f"{head}\r\n".encode() + (b"" if method == "HEAD" or status == 204 else answer))
        return True

    def _answer(self, method: str, path: str, fields: list[list[str]], body: bytes) -> tuple[int, bytes]:
        if path == "/healthz":
            return self.health, b"{}"
        if path.startswith("/status/"):
            return int(path.removeprefix("/status/")), b""
        if path == "/blob":
            return 200, BLOB
        return 200, json.dumps({"method": method, "path": path, "headers": fields, "body": len(body)}).encode()


@contextlib.asynccontextmanager
async def application() -> AsyncGenerator[PlainApplication]:
    """Run one."""
    plain = PlainApplication()
    await plain.start()
    try:
        yield plain
    finally:
        plain.slow.set()
        await plain.stop()
