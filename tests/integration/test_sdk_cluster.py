"""One of two brokers goes, in every way a broker can: callers move to the other, and no call waits for the lost one."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from crossply import CallError, Mesh
from crossply.config import MeshConfig
from tests.support.cluster import Cluster
from tests.support.waiting import eventually

CALLS = 20


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Two brokers."""
    with Cluster(tmp_path) as running:
        yield running


def on(cluster: Cluster, number: int, service: str) -> Mesh:
    """Return a mesh that is told of one broker only, and learns of the other by gossip."""
    return Mesh(service, config=MeshConfig(nats=(cluster.url(number),)))


@asynccontextmanager
async def shop(cluster: Cluster) -> AsyncGenerator[tuple[Mesh, list[Mesh]]]:
    """A caller at broker 0, and callees at both."""
    callees = [on(cluster, number, "orders") for number in (0, 1, 1)]
    for each in callees:

        @each.endpoint(idempotent=True)
        async def echo(body: bytes) -> bytes:
            await asyncio.sleep(0.005)
            return body

        await each.start()
    caller = on(cluster, 0, "caller")
    await caller.start()
    try:
        await caller.call("orders.echo", b"x", returns=bytes)
        await eventually(lambda: len(caller.running.catalog.callee("orders").instances) == 3)
        yield caller, callees
    finally:
        await caller.stop()
        await asyncio.gather(*(each.stop() for each in callees))


class Load:
    """Idempotent calls, some at a time, until told to stop; what came of them."""

    def __init__(self, caller: Mesh, body: bytes = b"x") -> None:
        self._caller = caller
        self._body = body
        self._going = True
        self.outcomes: Counter[str] = Counter()
        self.slowest = 0.0

    async def _call(self) -> None:
        while self._going:
            began = time.monotonic()
            try:
                await self._caller.call("orders.echo", self._body, returns=bytes, timeout=8.0)
                self.outcomes["ok"] += 1
            except CallError as error:
                self.outcomes[str(error.code)] += 1
            self.slowest = max(self.slowest, time.monotonic() - began)

    async def during(self, fault: Callable[[], object], within: float) -> None:
        """Call, have the fault happen, and go on until calls succeed again, ``within`` seconds at most."""
        calling = [asyncio.ensure_future(self._call()) for _ in range(CALLS)]
        await eventually(lambda: self.outcomes["ok"] > 100, 10.0)
        fault()
        moved = self._caller.link.server
        await eventually(lambda: self._caller.link.connected and self._caller.link.server != moved, within)
        reached = self.outcomes["ok"]
        await eventually(lambda: self.outcomes["ok"] > reached + 100, 10.0)
        self._going = False
        await asyncio.gather(*calling)


async def test_no_idempotent_call_fails_when_a_broker_is_killed(cluster: Cluster) -> None:
    async with shop(cluster) as (caller, _):
        load = Load(caller)
        await load.during(lambda: cluster.signal(0, signal.SIGKILL), 5.0)
        assert set(load.outcomes) == {"ok"}


@pytest.mark.parametrize("body", [b"x", bytes(400_000)], ids=["nearly idle", "saturated"])
async def test_a_broker_that_stopped_is_left_within_five_seconds_and_calls_succeed_again(
    cluster: Cluster, body: bytes
) -> None:
    async with shop(cluster) as (caller, callees):
        load = Load(caller, body)
        await load.during(lambda: cluster.signal(0, signal.SIGSTOP), 5.0)
        # The other broker routes to the one that stopped until it notices, so what is sent just then may be lost.
        assert set(load.outcomes) <= {"ok", "deadline_exceeded"}
        assert load.outcomes["deadline_exceeded"] <= 2 * CALLS
        assert load.slowest < 5.0 + 1.0
        await eventually(lambda: all(each.link.server == cluster.place(1) for each in callees), 5.0)
        cluster.signal(0, signal.SIGCONT)


async def test_a_broker_that_is_about_to_leave_is_left_before_and_no_call_fails(cluster: Cluster) -> None:
    async with shop(cluster) as (caller, callees):
        events: list[str] = []
        caller.link.on_event(lambda event: events.append(event.value))
        load = Load(caller)
        await load.during(lambda: cluster.signal(0, signal.SIGUSR2), 5.0)
        await eventually(lambda: all(each.link.server == cluster.place(1) for each in callees), 5.0)
        assert set(load.outcomes) == {"ok"}
        assert load.slowest < 1.0
        assert events == ["lame_duck"]


async def test_calls_that_run_only_once_outlive_a_lame_duck(cluster: Cluster) -> None:
    async with shop(cluster) as (caller, callees):
        for each in callees:
            assert each.link.connected
        waiting = [
            asyncio.ensure_future(caller.call("orders.echo", b"x", returns=bytes, idempotent=False)) for _ in range(50)
        ]
        cluster.signal(0, signal.SIGUSR2)
        assert await asyncio.gather(*waiting) == [b"x"] * 50


async def test_both_brokers_go_and_come_back(cluster: Cluster) -> None:
    async with shop(cluster) as (caller, _):
        cluster.signal(0, signal.SIGKILL)
        cluster.signal(1, signal.SIGKILL)
        await eventually(lambda: not caller.link.connected)
        calling = asyncio.ensure_future(caller.call("orders.echo", b"x", returns=bytes, timeout=15.0))
        await asyncio.sleep(0.5)
        cluster.start(0)
        cluster.start(1)
        assert await calling == b"x"
