"""The registry's HTTP side with clients that speak no HTTP, or begin a request and never end it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest

from crossply_registry.api import patience
from crossply_registry.api.app import build
from crossply_registry.config import RegistryConfig
from crossply_registry.http_protocol import HEAD_WITHIN, Protocol
from crossply_registry.http_serving import HttpServer
from crossply_registry.registry import Registry
from crossply_registry.server import http_config
from tests.architecture.tree import ROOT

BRIEF = 0.2
PUT = b"PUT /v1/documents/Service/billing HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


class Impatient(Protocol):
    """A connection that waits for a head briefly."""

    within = BRIEF


@asynccontextmanager
async def serving(protocol: type[Protocol] = Protocol, body_within: float = 10.0) -> AsyncGenerator[int]:
    """A registry that waits for its broker, and answers HTTP; yields its port."""
    registry = Registry(RegistryConfig())
    config = http_config(registry)
    config.app, config.http = patience.patient(build(registry), body_within), protocol
    http = HttpServer(config)
    listening = socket.create_server(("127.0.0.1", 0))
    running = asyncio.create_task(http.serve(sockets=[listening]))
    while not http.started:
        await asyncio.sleep(0)
    try:
        yield listening.getsockname()[1]
    finally:
        http.should_exit = True
        await running


async def said(port: int, *parts: bytes) -> tuple[str, dict[str, str], bytes]:
    """Return status line, header and body of all that a connection answers until it is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        for part in parts:
            writer.write(part)
            await writer.drain()
        answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *fields = head.decode().split("\r\n")
    return first, dict(field.lower().split(": ", 1) for field in fields), body


@pytest.mark.parametrize("sent", [b"\x00\x01\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"{}\r\n\r\n"])
async def test_what_is_no_http_is_answered_with_a_problem_and_the_connection_ends(sent: bytes) -> None:
    async with serving() as port:
        first, header, body = await said(port, sent)
    assert first == "HTTP/1.1 400 Bad Request"
    assert (header["content-type"], header["connection"]) == ("application/problem+json", "close")
    problem = json.loads(body)
    assert (problem["status"], problem["code"], problem["retryable"]) == (400, "invalid_argument", False)
    assert problem["detail"]


async def test_a_body_that_never_comes_is_refused_in_time() -> None:
    async with serving(body_within=BRIEF) as port:
        first, header, body = await said(port, PUT + b'content-length: 100\r\nif-none-match: *\r\n\r\n{"spec"')
    assert first == "HTTP/1.1 408 Request Timeout"
    assert (header["content-type"], header["connection"]) == ("application/problem+json", "close")
    assert json.loads(body)["code"] == "deadline_exceeded"


async def test_a_body_that_comes_slowly_is_refused_however_often_a_byte_comes() -> None:
    async with serving(body_within=BRIEF) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(PUT + b"content-length: 1000\r\n\r\n")
        answer = asyncio.create_task(reader.readline())
        async with asyncio.timeout(5):
            while not answer.done():
                writer.write(b" ")
                await asyncio.sleep(BRIEF / 10)
        assert b" 408 " in await answer
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /heal"])
async def test_a_head_that_never_comes_ends_the_connection(sent: bytes) -> None:
    async with serving(Impatient) as port:
        first, _, _ = await said(port, sent)
    assert first == ("HTTP/1.1 200 OK" if b"\r\n\r\n" in sent else "")


async def test_a_request_that_comes_whole_is_answered_and_the_connection_kept() -> None:
    async with serving(Impatient) as port:
        limits = httpx.Limits(max_connections=1)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", limits=limits, trust_env=False) as client:
            streams: set[object] = set()
            for _ in range(4):
                await asyncio.sleep(BRIEF / 2)
                answer = await client.get("/healthz")
                assert answer.status_code == 200
                streams.add(answer.extensions["network_stream"])
        assert len(streams) == 1


async def test_the_process_serves_so_and_its_times_are_documented() -> None:
    assert http_config(Registry(RegistryConfig())).http is Protocol
    page = " ".join((ROOT / "docs" / "registry.md").read_text(encoding="utf-8").split())
    assert f"a request's head {HEAD_WITHIN:g} s" in page
    assert f"its body {patience.BODY_WITHIN:g} s" in page
