"""Brokers and instances that faults befall, and calls that do not wait: what tests of faults have in common."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from crossply import CallError, Mesh
from crossply.config import MeshConfig
from tests.support.cluster import Cluster
from tests.support.program import WORKER, Program
from tests.support.waiting import eventually

WORKERS, EVERY, TIMEOUT, CAPACITY = 3, 0.005, 2.0, 256
GRACE, TICK = 0.05, 0.005
FLOOD = 30


@dataclass
class Storm:
    """What is out in it, and what came of the calls; each call takes a worker ``seconds``.

    What befalls a broker befalls the caller's own where it is ``aimed``, and any otherwise.
    """

    cluster: Cluster
    directory: Path
    stack: ExitStack
    chance: random.Random
    seconds: float = 0.002
    aimed: bool = False
    workers: list[Worker] = field(default_factory=list["Worker"])
    started: int = 0
    outcomes: Counter[str] = field(default_factory=Counter[str])
    refused: set[int] = field(default_factory=set[int])
    latest: float = 0.0
    lag: float = 0.0
    caller: Mesh = field(init=False)

    @property
    def urls(self) -> str:
        return f"{self.cluster.url(0)},{self.cluster.url(1)}"

    async def worker(self) -> Worker:
        """Start one more instance, and wait until it serves."""
        self.started += 1
        environ = {
            "CROSSPLY_NATS_URL": self.urls,
            "CROSSPLY_MAX_IN_FLIGHT": str(CAPACITY),
            "LEDGER": str(self.directory / "ledger"),
        }
        program = self.stack.enter_context(
            Program(self.directory / f"worker-{self.started}", str(WORKER), environ=environ)
        )
        return Worker(program, await program.ready("worker"))

    @property
    def idempotent_failures(self) -> dict[str, int]:
        """What became of calls that may run twice, where it was no success."""
        return {outcome: count for outcome, count in self.outcomes.items() if outcome.startswith("read ")}

    async def calls(self, going: asyncio.Event) -> None:
        """Call at a steady rate, whatever became of the calls before."""
        number = 0
        async with asyncio.TaskGroup() as calls:
            due = time.monotonic()
            while not going.is_set():
                number += 1
                calls.create_task(self.call(number))
                due = max(due + EVERY, time.monotonic() - 0.5)
                await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def call(self, number: int) -> None:
        """Make one call; every second may run only once."""
        began = time.monotonic()
        what = "read" if number % 2 else "write"
        payload: dict[str, object] = {"seconds": self.seconds}
        try:
            await self.caller.call(
                f"worker.{what}", payload if number % 2 else {"number": number, **payload}, timeout=TIMEOUT
            )
            self.outcomes["ok"] += 1
        except CallError as error:
            self.outcomes[f"{what} {error.code}"] += 1
            if error.executed == "no" and not number % 2:
                self.refused.add(number)
        self.latest = max(self.latest, time.monotonic() - began - TIMEOUT)

    async def ticks(self) -> None:
        """Measure how late this process itself is, at worst."""
        while True:
            due = time.monotonic() + TICK
            await asyncio.sleep(TICK)
            self.lag = max(self.lag, time.monotonic() - due)

    def written(self) -> Counter[int]:
        """Return how often each number was written."""
        lines = (self.directory / "ledger").read_text().splitlines()
        return Counter(int(line.split()[1]) for line in lines if line.startswith("call"))

    # What befalls

    async def befall(self, fault: str) -> None:
        """Have one thing of ``FAULTS`` happen and pass."""
        befalling: Callable[[], Awaitable[None]] = getattr(self, fault)
        await befalling()

    def some_broker(self) -> int:
        """Choose the broker that something befalls."""
        link = self.caller.link
        return self.cluster.number(link.server) if self.aimed and link.connected else self.chance.randrange(2)

    async def broker_killed(self) -> None:
        number = self.some_broker()
        self.cluster.signal(number, signal.SIGKILL)
        await asyncio.sleep(1.0)
        await self.start(number)

    async def broker_stopped(self) -> None:
        number = self.some_broker()
        self.cluster.signal(number, signal.SIGSTOP)
        await asyncio.sleep(5.0)
        self.cluster.signal(number, signal.SIGCONT)

    async def broker_stopped_saturated(self) -> None:
        """Stop one while more is sent than sockets hold."""
        body = bytes(400_000)
        flood = [self.caller.call("worker.weigh", body, timeout=TIMEOUT) for _ in range(FLOOD)]
        flooding = asyncio.gather(*flood, return_exceptions=True)
        await asyncio.sleep(0)
        await self.broker_stopped()
        assert all(isinstance(each, int | CallError) for each in await flooding)

    async def broker_leaves(self) -> None:
        number = self.some_broker()
        self.cluster.signal(number, signal.SIGUSR2)
        await asyncio.sleep(4.0)
        self.cluster.signal(number, signal.SIGKILL)
        await self.start(number)

    async def brokers_restarted(self) -> None:
        for number in (0, 1):
            self.cluster.signal(number, signal.SIGKILL)
        await asyncio.sleep(0.5)
        for number in (0, 1):
            await self.start(number)

    async def worker_killed(self) -> None:
        self.workers.pop(self.chance.randrange(WORKERS)).program.kill()
        self.workers.append(await self.worker())

    async def worker_stopped(self) -> None:
        stopped = self.chance.choice(self.workers).program
        stopped.pause()
        await asyncio.sleep(3.0)
        stopped.resume()

    async def worker_restarted(self) -> None:
        leaving = self.workers.pop(self.chance.randrange(WORKERS)).program
        leaving.terminate()
        self.workers.append(await self.worker())
        assert await leaving.ended(30.0) == 0, leaving.log

    async def workers_rolled(self) -> None:
        """Replace all, one after the other, as a release does."""
        for leaving in list(self.workers):
            self.workers.append(await self.worker())
            self.workers.remove(leaving)
            leaving.program.terminate()
            assert await leaving.program.ended(30.0) == 0, leaving.program.log

    async def start(self, number: int) -> None:
        """Start a broker again, without holding up the calls."""
        await asyncio.to_thread(self.cluster.start, number)


FAULTS: tuple[str, ...] = (
    "broker_killed",
    "broker_stopped",
    "broker_stopped_saturated",
    "broker_leaves",
    "brokers_restarted",
    "worker_killed",
    "worker_stopped",
    "worker_restarted",
    "workers_rolled",
)


@dataclass(frozen=True)
class Worker:
    """One instance: its process, and its id."""

    program: Program
    instance: str


@asynccontextmanager
async def out_in_it(
    directory: Path, seed: int, *, seconds: float = 0.002, aimed: bool = False
) -> AsyncGenerator[Storm]:
    """Two brokers, three workers, and a caller that knows them."""
    with Cluster(directory) as cluster, ExitStack() as stack:
        storm = Storm(cluster, directory, stack, random.Random(seed), seconds, aimed)
        storm.workers = [await storm.worker() for _ in range(WORKERS)]
        config = MeshConfig(nats=tuple(storm.urls.split(",")), log_level="error")
        async with Mesh("caller", kind="client", config=config) as storm.caller:
            ticking = asyncio.ensure_future(storm.ticks())
            await storm.caller.call("worker.read", timeout=TIMEOUT)
            callee = storm.caller.running.catalog.callee("worker")
            await eventually(lambda: len(callee.instances) == WORKERS, 10.0)
            yield storm
            ticking.cancel()
