"""One side of one peer in a process of its own: ``serve PEER ENV``, or ``drive PEER ENV CONCURRENCY SECONDS``."""

from __future__ import annotations

import asyncio
import importlib
import json
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, cast

import uvloop

sys.path.append(str(Path(__file__).resolve().parents[1]))  # a script that runs with -I finds nothing beside it

from benchmarks.comparison import measured

WARM_UP = 200

Call = Callable[[], Awaitable[None]]


class Peer(Protocol):
    """What a peer's file holds; ``env`` has the broker's URL (``nats``), free ``ports`` and a scratch ``dir``."""

    async def serve(self, env: dict[str, Any]) -> None:
        """Be the callee until cancelled; print ``ready`` once it can be called."""

    async def connect(self, env: dict[str, Any]) -> tuple[Call, Callable[[], Awaitable[None]]]:
        """Return the caller, each of whose calls is one checked echo, and how to end it."""
        ...


def load(path: Path) -> Peer:
    """Import the peer at ``path``, which may import what lies beside it."""
    sys.path.insert(0, str(path.parent))
    return cast("Peer", importlib.import_module(path.stem))


async def serve(peer: Peer, env: dict[str, Any]) -> None:
    """Be the callee until SIGTERM, which leaves the peer time to end what it started."""
    serving = asyncio.ensure_future(peer.serve(env))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, serving.cancel)
    with suppress(asyncio.CancelledError):
        await serving


async def drive(peer: Peer, env: dict[str, Any], concurrency: int, seconds: float) -> None:
    """Be the caller: warm up, then call for ``seconds`` with ``concurrency`` calls under way, and print the result."""
    call, close = await peer.connect(env)
    await _together(concurrency, lambda: _repeat(call, WARM_UP // concurrency + 1))
    laps: list[float] = []
    begin = perf_counter()
    await _together(concurrency, lambda: _time(call, begin + seconds, laps))
    took = perf_counter() - begin
    await close()
    print("result", json.dumps(asdict(measured(laps, took))), flush=True)


async def _together(number: int, worker: Callable[[], Awaitable[None]]) -> None:
    await asyncio.gather(*(worker() for _ in range(number)))


async def _repeat(call: Call, times: int) -> None:
    for _ in range(times):
        await call()


async def _time(call: Call, end: float, laps: list[float]) -> None:
    start = perf_counter()
    while start < end:
        await call()
        now = perf_counter()
        laps.append(now - start)
        start = now


def main(side: str, path: str, env: str, *load_shape: str) -> None:
    peer, given = load(Path(path)), json.loads(env)
    if side == "serve":
        uvloop.run(serve(peer, given))
    else:
        concurrency, seconds = load_shape
        uvloop.run(drive(peer, given, int(concurrency), float(seconds)))


if __name__ == "__main__":
    main(*sys.argv[1:])
