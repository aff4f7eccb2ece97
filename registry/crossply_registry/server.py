"""The registry process: HTTP API and mesh connection on one event loop, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Generator
from typing import Final

import uvicorn

from crossply.errors import Unavailable
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply_registry.api.app import build
from crossply_registry.api.patience import patient
from crossply_registry.config import RegistryConfig
from crossply_registry.http_protocol import Protocol
from crossply_registry.registry import Registry

_BACKLOG: Final = 512
_GRACE: Final = 1
_log = get_logger("registry.server")


class HttpServer(uvicorn.Server):
    """uvicorn's server without its signal handlers: the process has one place that stops everything."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield


async def serve(config: RegistryConfig) -> None:
    """Serve until SIGINT or SIGTERM, through every absence of the broker but a first one that is too long.

    Raise ``Unavailable`` when the address is taken or no broker answers within ``connect_timeout``, and
    ``RecordFault`` when the stored history does not verify.
    """
    listener = _listen(config)
    logging.getLogger("uvicorn.error").addFilter(_forward)
    registry = Registry(config)
    http = HttpServer(http_config(registry))
    stop = asyncio.Event()
    tasks = Tasks(lambda _name, _error: stop.set())
    starting = tasks.spawn(registry.start(), "start the registry")
    serving = tasks.spawn(http.serve(sockets=[listener]), "serve HTTP")
    _log.info("listening", address="{}:{}".format(*listener.getsockname()[:2]), instance=registry.instance)
    try:
        with _signals(stop):
            stopping = tasks.spawn(stop.wait(), "wait for a signal")
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            await stop.wait()
        _log.info("stopping")
    finally:
        starting.cancel()
        http.should_exit = True
        await asyncio.wait({serving})
        await registry.aclose()
        await tasks.aclose()
    serving.result()


def _listen(config: RegistryConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    # With its protocol named: asyncio turns Nagle's delay (40 ms an answer) off for such sockets only.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((config.host, config.port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"cannot listen on {config.host}:{config.port}: {error.strerror or error};"
            " set CROSSPLY_REGISTRY_LISTEN to another host:port"
        ) from error
    return listener


def http_config(registry: Registry) -> uvicorn.Config:
    """Return how the API is served."""
    return uvicorn.Config(
        patient(build(registry)),
        http=Protocol,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )


def _forward(record: logging.LogRecord) -> bool:
    """Write what the HTTP server logs the way everything else is written, and there only."""
    if record.levelno >= logging.WARNING:
        _log.warning("http_server", said=record.getMessage(), exc_info=record.exc_info)
    return False


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Generator[None]:
    loop = asyncio.get_running_loop()
    handled = (signal.SIGINT, signal.SIGTERM)
    for number in handled:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
