"""The bridge as a process: its signals, and what ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Generator

from crossply.tasks import Tasks
from crossply.telemetry.logs import get_logger
from crossply_bridge.bridge import Bridge
from crossply_bridge.config import BridgeConfig


async def serve(config: BridgeConfig) -> None:
    """Bridge until SIGTERM or SIGINT; a broker that is away is waited for, at the start not for ever.

    Raises ``Unavailable`` when the address is taken or no broker answers within ``connect_timeout``.
    """
    bridge = Bridge(config)
    stop = asyncio.Event()
    tasks = Tasks(lambda _name, _error: stop.set())
    with _signals(stop):
        try:
            await bridge.listen()
            joining = tasks.spawn(bridge.join(), "join the mesh")
            await stop.wait()
            if joining.done():
                joining.result()
        finally:
            get_logger("bridge").info("stopping")
            await tasks.aclose()
            await bridge.aclose()


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
