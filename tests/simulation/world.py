"""One simulated life of a mesh: callers, instances, faults, and what must hold whatever happens.

Everything but the sockets is the real thing. A seed decides all that chance decides, so a life can be lived again.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.vouched import keyring
from crossply import CallError, Code, EndpointFailed, Executed, Mesh
from crossply.config import MeshConfig
from crossply.handler import Kind
from crossply.testing import time as testing_time
from crossply.wire import envelope
from crossply.wire.link import Link, LinkConfig
from crossply.wire.nats import NatsLink
from tests.simulation.broker import SimBroker, SimTransport, pending

CALLERS, INSTANCES = 3, 4
OPERATIONS, FAULTS = 70, 12
KINDS = ("drop", "duplicate", "reorder", "pause", "disconnect", "error", "broker", "crash")
GRACE = 0.05
QUIET = 6.0
LIMIT = 120.0
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(slots=True)
class Call:
    """One operation: when it must have ended, what it came to."""

    operation: str
    deadline: float
    outcome: str = ""
    executed: str = ""
    ended: float = 0.0
    runs: int = 0
    doubled: int = 0


@dataclass
class World:
    """A mesh, the calls made in it, and what went wrong with it."""

    chance: random.Random
    authority: Ed25519PrivateKey | None = None
    """Who vouches for all of them, so that what they say is sealed."""
    calls: dict[int, Call] = field(default_factory=dict[int, Call])
    faults: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.broker = SimBroker(self.chance, self.sent)
        self.instances: list[Mesh] = []
        self.callers: list[Mesh] = []
        self.crashed: list[Mesh] = []
        self.numbers = 0

    def sent(self, subject: bytes, payload: bytes) -> None:
        """Check a request at the moment when it is written: nobody may still send it after its deadline."""
        if not subject.startswith(b"mesh.rpc."):
            return
        parts = None if self.authority is not None else envelope.parts(payload)
        if parts is not None and parts.kind is Kind.REQUEST:
            call = self.calls[msgspec.msgpack.decode(parts.body)["number"]]
            if self.loop.time() > call.deadline + 1e-6:
                self.wrong.append(f"{call.operation} was sent {self.loop.time() - call.deadline:.3f} s too late")

    def mesh(self, service: str) -> Mesh:
        """Return a mesh on the broker, with a name that the seed gives."""
        instance = "".join(self.chance.choice(_ALPHABET) for _ in range(12))
        config = MeshConfig(nats=("nats://sim:4222",), instance=instance, connect_timeout=10.0, log_level="error")
        return Mesh(service, config=config, connect=self.connect)

    async def connect(self, config: LinkConfig) -> Link:
        """Open a link over the simulated broker."""
        if self.authority is not None:
            config = replace(config, keys=keyring(self.authority, config.service, config.instance))
        return await NatsLink.connect(config, self.broker.dial)

    def instance(self) -> Mesh:
        """Return a callee: endpoints that answer, dawdle and fail."""
        orders = self.mesh("orders")

        async def work(number: int, seconds: float) -> int:
            self.calls[number].runs += 1
            await asyncio.sleep(seconds)
            return number

        async def fail(number: int, seconds: float) -> int:
            await work(number, seconds)
            raise EndpointFailed("on purpose", code=Code.ABORTED)

        orders.endpoint(name="quote", idempotent=True)(work)
        orders.endpoint(name="write")(work)
        orders.endpoint(name="fail")(fail)
        return orders

    async def live(self) -> list[str]:
        """Live through calls and faults, then through a quiet time in which all must work; return what was wrong."""
        self.instances = [self.instance() for _ in range(INSTANCES)]
        self.callers = [self.mesh("caller") for _ in range(CALLERS)]
        await asyncio.gather(*(each.start() for each in (*self.instances, *self.callers)))
        work = [self.calling(caller) for caller in self.callers]
        await asyncio.gather(*work, self.befalling())
        self.broker.dropping = self.broker.doubling = self.broker.reordering = 0
        await asyncio.sleep(QUIET)
        await self.all_is_well()
        await self.end()
        self.judge()
        return self.wrong

    async def calling(self, caller: Mesh) -> None:
        """Make one caller's calls, some of them at once."""
        async with asyncio.TaskGroup() as calls:
            for _ in range(OPERATIONS):
                operation = self.chance.choice(("quote", "quote", "write", "write", "fail"))
                seconds = self.chance.choice((0.001, 0.01, 0.05, 0.3, 1.5)) * self.chance.random()
                calls.create_task(self.call(caller, operation, seconds, 0.02 + 3.0 * self.chance.random() ** 2))
                await asyncio.sleep(0.2 * self.chance.random())

    async def call(self, caller: Mesh, operation: str, seconds: float, timeout: float) -> None:
        """Make one call and write down what it came to."""
        number = self.numbers = self.numbers + 1
        made = self.calls[number] = Call(operation, self.loop.time() + min(timeout, 5.0))
        try:
            value = await caller.call(f"orders.{operation}", {"number": number, "seconds": seconds}, timeout=timeout)
            made.outcome = "ok" if value == number else f"the answer to {value}"
        except CallError as error:
            made.outcome, made.executed = str(error.code), str(error.executed)
        made.ended = self.loop.time()

    async def befalling(self) -> None:
        """Have faults happen, every kind at least once."""
        kinds = [*KINDS, *(self.chance.choice(KINDS) for _ in range(FAULTS - len(KINDS)))]
        self.chance.shuffle(kinds)
        for kind in kinds:
            await asyncio.sleep(0.3 + 0.6 * self.chance.random())
            self.faults[kind] += 1
            await self.befall(kind)

    async def befall(self, kind: str) -> None:
        """Have one fault happen."""
        broker, count = self.broker, self.chance.randrange(1, 8)
        if kind == "drop":
            broker.dropping = count
        elif kind == "duplicate":
            broker.doubling = count
        elif kind == "reorder":
            broker.reordering = 3 * count
        elif kind == "broker":
            broker.stop(0.1 + 1.5 * self.chance.random())
        elif kind == "crash":
            await self.crash()
        elif broker.transports:
            transport: SimTransport = self.chance.choice(broker.transports)
            if kind == "pause":
                transport.pause(0.2 + 5.0 * self.chance.random() ** 2)
            elif kind == "disconnect":
                transport.end(OSError("reset"))
            else:
                transport.fail()

    async def crash(self) -> None:
        """Cut one instance off for good, as kill -9 does for those who call it; start another."""
        victim = self.instances.pop(self.chance.randrange(len(self.instances)))
        self.crashed.append(victim)
        self.broker.gone.add(victim.instance)
        for transport in [each for each in self.broker.transports if each.instance == victim.instance]:
            transport.end(OSError("killed"))
        another = self.instance()
        await another.start()
        self.instances.append(another)

    async def all_is_well(self) -> None:
        """Show that everything works once nothing befalls the mesh any more."""
        began = self.numbers
        for caller in self.callers:
            for operation in ("quote", "write"):
                await asyncio.gather(*(self.call(caller, operation, 0.001, 2.0) for _ in range(5)))
        failed = Counter(call.outcome for number, call in self.calls.items() if number > began) - Counter({"ok": 10**6})
        if failed:
            self.wrong.append(f"in quiet times calls came to {dict(failed)}")
        for each in self.instances:
            if each.running.admission.in_flight:
                self.wrong.append(f"{each.running.admission.in_flight} requests count as in flight, and none is")

    async def end(self) -> None:
        """Stop everything; nothing may be left of it."""
        links: list[Any] = [each.link for each in (*self.instances, *self.callers)]
        waiting, owned = sum(pending(link) for link in links), sum(len(link._tasks) for link in links)
        if waiting:
            self.wrong.append(f"{waiting} attempts are still waited for")
        if owned:
            self.wrong.append(f"{owned} tasks of requests are still owned")
        await asyncio.gather(*(each.stop() for each in (*self.callers, *self.instances, *self.crashed)))
        await asyncio.sleep(1.0)
        left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if left:
            self.wrong.append(f"these still run: {sorted(set(left))}")

    def judge(self) -> None:
        """Hold every call to what it was promised."""
        # What is sealed may be delivered twice, and runs once all the same.
        doubled = self.broker.doubled if self.authority is None else {}
        for payload, times in doubled.items():
            parts = envelope.parts(payload)
            if parts.kind is Kind.REQUEST:
                self.calls[msgspec.msgpack.decode(parts.body)["number"]].doubled += times
        for number, call in self.calls.items():
            for fault in _faults(call):
                self.wrong.append(f"call {number}, {call.operation}: {fault}")


def _faults(call: Call) -> list[str]:
    found: list[str] = []
    if not call.outcome:
        return ["it never ended"]
    if call.ended > call.deadline + GRACE:
        found.append(f"it ended {call.ended - call.deadline:.3f} s after its deadline")
    if call.outcome.startswith("the answer") or call.outcome in {"integrity_failed", "internal", "invalid_argument"}:
        found.append(f"it came to {call.outcome}")
    if call.operation != "quote" and call.runs > 1 + call.doubled:
        found.append(f"it ran {call.runs} times, though the broker repeated only {call.doubled} messages")
    if call.outcome in {"ok", "aborted"} and not call.runs:
        found.append(f"it came to {call.outcome} and never ran")
    if call.executed == Executed.NO and call.runs:
        found.append(f"{call.outcome} says that it did not run, and it ran")
    return found


def live(seed: int) -> list[str]:
    """Live one life; return what was wrong with it."""
    return lived(seed).wrong


def lived(seed: int, *, sealed: bool = False) -> World:
    """Live one life; return the world it was lived in."""
    chance = random.Random(seed)
    worlds: list[World] = []

    async def life() -> None:
        worlds.append(World(chance, Ed25519PrivateKey.generate() if sealed else None))
        await worlds[0].live()

    try:
        testing_time.run(life(), chance=chance, limit=LIMIT)
    except Exception as error:  # noqa: BLE001 - whatever ended a life too early, or kept it from ending
        worlds[0].wrong.append(f"the life did not come to its end: {type(error).__name__}: {error}")
    return worlds[0]
