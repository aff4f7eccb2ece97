"""A mesh as a whole program: its event loop, its signals, its exit codes."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from crossply.errors import ConfigError, Unavailable
from crossply.telemetry import logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.mesh import Mesh

EXIT_CONFIG = 64
EXIT_UNAVAILABLE = 69


def run(mesh: Mesh) -> None:
    """Run ``mesh`` until a signal asks it to stop; leave by ``SystemExit`` when it cannot start."""
    try:
        config = mesh.config
        logs.configure(config.log_level, config.log_format)
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_until_signal(mesh))
        _leave_threads()
    except ConfigError as error:
        sys.stderr.writelines(f"{mesh.service}: {fault}\n" for fault in error.faults)
        raise SystemExit(EXIT_CONFIG) from error
    except Unavailable as error:
        sys.stderr.write(f"{mesh.service}: {error.message}\n")
        raise SystemExit(EXIT_UNAVAILABLE) from error


def _leave_threads() -> None:
    """End although a plain function still runs past its deadline: the interpreter would wait for its thread."""
    if any(thread.is_alive() and not thread.daemon for thread in threading.enumerate()[1:]):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


async def _until_signal(mesh: Mesh) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    starting = loop.create_task(mesh.start(), name="start")
    stopped = loop.create_task(stopping.wait(), name="signal")
    await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        return
    stopped_early = starting.exception()
    if stopped_early is not None:
        stopped.cancel()
        raise stopped_early
    await stopped
    await mesh.stop()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's loop where it is installed, the standard one otherwise."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
