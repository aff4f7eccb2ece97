"""The registry process: HTTP API and mesh connection on one event loop, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Generator
from typing import Final

import uvicorn

from crossply.errors import Unavailable
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply_registry.api.app import build
from crossply_registry.config import RegistryConfig
from crossply_registry.registry import Registry

_BACKLOG: Final = 512
_GRACE: Final = 1
_log = get_logger("registry.server")


class _Server(uvicorn.Server):
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
    registry = Registry(config)
    http = _Server(_http_config(registry))
    stop = asyncio.Event()
    tasks = Tasks(lambda _name, _error: stop.set())
    serving = tasks.spawn(http.serve(sockets=[listener]), "serve HTTP")
    _log.info("listening", address="{}:{}".format(*listener.getsockname()[:2]), instance=registry.instance)
    try:
        with _signals(stop):
            starting = tasks.spawn(registry.start(), "start the registry")
            stopping = tasks.spawn(stop.wait(), "wait for a signal")
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
            await stop.wait()
        _log.info("stopping")
    finally:
        await registry.aclose()
        http.should_exit = True
        await asyncio.wait({serving})
        await tasks.aclose()
    serving.result()


def _listen(config: RegistryConfig) -> socket.socket:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise Unavailable(
            f"cannot listen on {config.host}:{config.port}: {error.strerror or error};"
            " set CROSSPLY_REGISTRY_LISTEN to another host:port"
        ) from error


def _http_config(registry: Registry) -> uvicorn.Config:
    return uvicorn.Config(
        build(registry),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
    )


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
