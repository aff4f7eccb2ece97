"""A service in a process of its own: it echoes, works for a while, and writes down in LEDGER what it did."""

from __future__ import annotations

import asyncio
import os

from crossply import Event, Mesh

mesh = Mesh("worker")
_ledger = os.open(os.environ.get("LEDGER", os.devnull), os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_slots = asyncio.Semaphore(4)
_pause = float(os.environ.get("PAUSE", "0"))


def write_down(*words: object) -> None:
    """Append one line, in one write."""
    os.write(_ledger, (" ".join(map(str, words)) + "\n").encode())


@mesh.endpoint(idempotent=True)
async def read(seconds: float = 0.0) -> str:
    """Take that long; running it twice does no harm."""
    await asyncio.sleep(seconds)
    return mesh.instance


@mesh.endpoint(idempotent=True)
async def weigh(body: bytes) -> int:
    """Take a body, however large."""
    return len(body)


@mesh.endpoint
async def scarce() -> str:
    """Take 20 ms in one of four slots: 200 a second and no more."""
    async with _slots:
        await asyncio.sleep(0.02)
    return mesh.instance


@mesh.endpoint
async def write(number: int, seconds: float = 0.0) -> str:
    """Take that long; every number must be written once."""
    await asyncio.sleep(seconds)
    write_down("call", number)
    return mesh.instance


@mesh.on("jobs.done", concurrency=4)
async def done(number: int, event: Event) -> None:
    """Handle one event, in PAUSE seconds."""
    write_down("begin", number, event.delivery)
    await asyncio.sleep(_pause)
    write_down("end", number, event.delivery)


if __name__ == "__main__":
    mesh.run()
