"""Two Envoys as a mesh of sidecars puts them: aiohttp -> Envoy -> HTTP/2 with mutual TLS -> Envoy -> uvicorn."""

from __future__ import annotations

import importlib
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import uvicorn

from benchmarks.certificates import ADDRESS, Files, write
from benchmarks.processes import Program, while_running

BODY = b"x" * 128
EXTENSIONS = "envoy.extensions"

Call = Callable[[], Awaitable[None]]
Close = Callable[[], Awaitable[None]]
Json = dict[str, Any]


async def application(
    _scope: Json, receive: Callable[[], Awaitable[Json]], send: Callable[[Json], Awaitable[None]]
) -> None:
    """Echo the body of any HTTP request (ASGI)."""
    message = await receive()
    parts: list[bytes] = [message["body"]]
    while message["more_body"]:  # uvicorn always says it
        message = await receive()
        parts.append(message["body"])
    echoed = b"".join(parts)
    fields = [(b"content-type", b"application/octet-stream"), (b"content-length", b"%d" % len(echoed))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": echoed})


async def serve(env: Json) -> None:
    """Run the Envoys and be the callee until cancelled; say ``ready`` once it can be called."""
    port, inbound, outbound = env["ports"][:3]
    tls = write(env["dir"])
    paths = [
        _written(env, "inbound", into(port, inbound, tls)),
        _written(env, "outbound", out_of(outbound, inbound, tls)),
    ]
    async with AsyncExitStack() as stack:
        envoys = [await stack.enter_async_context(aclosing(await _envoy(path))) for path in paths]
        for each in envoys:
            await each.said(10)
        await while_running(envoys, _serving(port))


async def connect(env: Json) -> tuple[Call, Close]:
    """Return the caller, and how to end it."""
    # Only `make bench` installs it, so that the checkers of `make check` cannot know it.
    aiohttp: Any = importlib.import_module("aiohttp")
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=5), raise_for_status=True
    )

    async def call() -> None:
        async with session.post(f"http://{ADDRESS}:{env['ports'][2]}/echo", data=BODY) as reply:
            assert await reply.read() == BODY

    return call, session.close


async def _serving(port: int) -> None:
    config = uvicorn.Config(application, http="httptools", lifespan="off", log_level="error", access_log=False)
    with socket.create_server((ADDRESS, port)) as listening:
        print("ready", flush=True)  # whoever connects from here on waits to be accepted
        await uvicorn.Server(config).serve(sockets=[listening])


def into(port: int, listens: int, tls: Files) -> Json:
    """Return the configuration of the callee's sidecar: mutual TLS in, plain HTTP to the application."""
    context = {"common_tls_context": _tls(tls), "require_client_certificate": True}
    secured = {"transport_socket": _socket("DownstreamTlsContext", context)}
    return _bootstrap(listens, secured, _cluster(port))


def out_of(listens: int, port: int, tls: Files) -> Json:
    """Return the configuration of the caller's sidecar: plain HTTP in, HTTP/2 with mutual TLS to the other sidecar."""
    http2: Json = {"http2_protocol_options": {}}
    kind = "upstreams.http.v3.HttpProtocolOptions"
    protocol = {f"{EXTENSIONS}.{kind}": _typed(kind, {"explicit_http_config": http2})}
    context = {"common_tls_context": _tls(tls)}
    secured = {
        "transport_socket": _socket("UpstreamTlsContext", context),
        "typed_extension_protocol_options": protocol,
    }
    return _bootstrap(listens, {}, _cluster(port) | secured)


def _bootstrap(listens: int, chain: Json, cluster: Json) -> Json:
    retry = {"retry_on": "connect-failure,refused-stream,reset-before-request", "num_retries": 2}
    route = {"match": {"prefix": "/"}, "route": {"cluster": "next", "retry_policy": retry}}
    manager = {
        "stat_prefix": "http",
        "route_config": {"virtual_hosts": [{"name": "any", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "router", "typed_config": _typed("filters.http.router.v3.Router", {})}],
    }
    kind = "filters.network.http_connection_manager.v3.HttpConnectionManager"
    filters = [{"name": "http", "typed_config": _typed(kind, manager)}]
    listener = {"name": "in", "address": _address(listens), "filter_chains": [chain | {"filters": filters}]}
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def _cluster(port: int) -> Json:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]
    return {
        "name": "next",
        "type": "STATIC",
        "connect_timeout": "1s",
        "load_assignment": {"cluster_name": "next", "endpoints": endpoints},
    }


def _tls(tls: Files) -> Json:
    """Return what both ends of a connection ask: the peer's certificate must be for this address."""
    name = {"san_type": "IP_ADDRESS", "matcher": {"exact": ADDRESS}}
    pair = {"certificate_chain": {"filename": str(tls.certificate)}, "private_key": {"filename": str(tls.key)}}
    authority = {"filename": str(tls.authority)}
    return {
        "alpn_protocols": ["h2"],
        "tls_certificates": [pair],
        "validation_context": {"trusted_ca": authority, "match_typed_subject_alt_names": [name]},
    }


def _socket(kind: str, context: Json) -> Json:
    return {"name": "tls", "typed_config": _typed(f"transport_sockets.tls.v3.{kind}", context)}


def _typed(kind: str, fields: Json) -> Json:
    return {"@type": f"type.googleapis.com/{EXTENSIONS}.{kind}"} | fields


def _address(port: int) -> Json:
    return {"socket_address": {"address": ADDRESS, "port_value": port}}


def _written(env: Json, name: str, shape: Json) -> str:
    path = Path(env["dir"], f"{name}.json")
    path.write_text(json.dumps(shape), encoding="utf-8")
    return str(path)


async def _envoy(path: str) -> Program:
    binary = str(Path(sys.executable).parent / "envoy")
    command = [binary, "--config-path", path, "--concurrency", "1", "--disable-hot-restart"]
    return await Program.start(f"envoy with {path}", *command, word="starting workers", own_group=False)
