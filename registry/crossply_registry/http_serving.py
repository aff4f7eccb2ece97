"""What an HTTP process of the control plane has: a socket, an end by signal, and parts that start and stop with it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Generator
from typing import Final, Protocol

import uvicorn

from crossply.errors import Unavailable
from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger

_BACKLOG: Final = 512
_log = get_logger("registry.server")


class Served(Protocol):
    """What runs behind an HTTP API."""

    @property
    def instance(self) -> str:
        """Name this process."""
        ...

    async def start(self) -> None:
        """Start the parts; raise when they cannot."""
        ...

    async def aclose(self) -> None:
        """Stop them."""
        ...


class HttpServer(uvicorn.Server):
    """uvicorn's server without its signal handlers: the process has one place that stops everything."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield


async def run(
    served: Served, config: uvicorn.Config, listener: socket.socket, stop: asyncio.Event | None = None
) -> None:
    """Start the parts and serve HTTP until SIGINT or SIGTERM, or ``stop``; raise what ``start`` raises."""
    logging.getLogger("uvicorn.error").addFilter(_forward)
    http = HttpServer(config)
    ends = _signals if stop is None else contextlib.nullcontext
    stop = stop or asyncio.Event()
    tasks = Tasks(lambda _name, _error: stop.set())
    serving = tasks.spawn(http.serve(sockets=[listener]), "serve HTTP")
    _log.info("listening", address="{}:{}".format(*listener.getsockname()[:2]), instance=served.instance)
    try:
        with ends(stop):
            await _until_stopped(served, stop, tasks)
    finally:
        http.should_exit = True
        await asyncio.wait({serving})
        await served.aclose()
        await tasks.aclose()
    serving.result()


async def run_silently(served: Served) -> None:
    """Start the parts and let them run until SIGINT or SIGTERM, without HTTP; raise what ``start`` raises."""
    stop = asyncio.Event()
    tasks = Tasks(lambda _name, _error: stop.set())
    try:
        with _signals(stop):
            await _until_stopped(served, stop, tasks)
    finally:
        await served.aclose()
        await tasks.aclose()


async def together(*runs: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run several in one process until SIGINT or SIGTERM; where one ends, all do. Raise what the first one raised."""
    stop = asyncio.Event()
    with _signals(stop):
        running = [asyncio.ensure_future(each(stop)) for each in runs]
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await asyncio.wait(running)
    for each in running:
        each.result()


async def _until_stopped(served: Served, stop: asyncio.Event, tasks: Tasks) -> None:
    starting = tasks.spawn(served.start(), "start")
    try:
        stopping = tasks.spawn(stop.wait(), "wait for the end")
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
        await stop.wait()
        _log.info("stopping")
    finally:
        starting.cancel()


def listen(host: str, port: int, variable: str) -> socket.socket:
    """Return a listening socket; raise ``Unavailable``, which names the variable that says where."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named: asyncio turns Nagle's delay (40 ms an answer) off for such sockets only.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise Unavailable(
            f"cannot listen on {host}:{port}: {error.strerror or error}; set {variable} to another host:port"
        ) from error
    return listener


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
