"""Members of a closed mesh that all reach their broker through a malicious one; what they said, and what came of it."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any, Self

from crossply import CallError, Event, Mesh, current
from crossply.audit.entry import Outcome
from tests.support.closed_mesh import Closed, access
from tests.support.malicious_broker import MaliciousBroker
from tests.support.waiting import eventually_awaited

CHANNEL = {"channel": "shop.>", "actions": ["publish", "subscribe"]}
DOCUMENTS = (
    access("to-orders", ["web", "stock"], {"service": "orders"}),
    access("shop", ["web", "orders"], CHANNEL),
)
SERVICES = ("orders", "web", "stock")
ENDPOINTS = ("double", "square")
CHANNELS = ("shop.sold", "shop.returned")
TIMEOUT = 0.5
AT_ONCE = 16

Ran = tuple[str, str, int, str]
"""Instance, endpoint, number, who called."""


class Betrayed:
    """Two instances of orders, and web and stock, which call them; ``wrong`` is what must stay empty.

    ``web`` calls with even numbers, ``stock`` with odd ones, and no number is used for two calls.
    """

    def __init__(self, closed: Closed, broker: MaliciousBroker) -> None:
        self.broker = broker
        self._closed = closed
        self._stack = AsyncExitStack()
        self.orders: list[Mesh] = []
        self.ran: Counter[Ran] = Counter()
        self.got: Counter[tuple[str, str, str]] = Counter()
        self.published: set[str] = set()
        self.right = 0
        self.failed: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._numbers = 0

    async def __aenter__(self) -> Self:
        for name in ("one", "other"):
            mesh = self._mesh("orders", name)
            self._serve(mesh)
            self.orders.append(await self._stack.enter_async_context(mesh))
        self.web = await self._stack.enter_async_context(self._mesh("web", "web"))
        self.stock = await self._stack.enter_async_context(self._mesh("stock", "stock"))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.broker.malice = self.broker.old = None
        await self._stack.aclose()

    @property
    def members(self) -> tuple[Mesh, ...]:
        """Return all."""
        return (*self.orders, self.web, self.stock)

    @property
    def most(self) -> int:
        """Return how often the call ran that ran most often, wherever that was."""
        times: Counter[int] = Counter()
        for (_, _, number, _), ran in self.ran.items():
            times[number] += ran
        return max(times.values())

    def _mesh(self, service: str, folder: str) -> Mesh:
        config = self._closed.config(service, nats=(self.broker.url,), state=self._closed.state / folder)
        return Mesh(service, config=config)

    def _serve(self, mesh: Mesh) -> None:
        def note(endpoint: str, number: int) -> None:
            peer = current().peer.service
            if peer != _caller(number):
                self.wrong.append(f"{endpoint} of {number} came from {peer}")
            self.ran[mesh.instance, endpoint, number, peer] += 1

        @mesh.endpoint
        async def double(number: int) -> list[int]:
            note("double", number)
            await asyncio.sleep(0.001)
            return [number, 2 * number]

        @mesh.endpoint
        async def square(number: int) -> list[int]:
            note("square", number)
            return [number, number * number]

        @mesh.on("shop.*")
        async def heard(text: str, event: Event) -> None:
            self.got[event.channel, text, event.id] += 1
            if event.source.service != "web":
                self.wrong.append(f"event {text} came from {event.source.service}")

    async def call(self) -> None:
        """Make one call; its answer is right, or it fails by an error that says so."""
        self._numbers += 1
        number, endpoint = self._numbers, ENDPOINTS[self._numbers // 2 % 2]
        mesh = self.web if _caller(number) == "web" else self.stock
        try:
            answer = await mesh.call(f"orders.{endpoint}", {"number": number}, timeout=TIMEOUT)
        except CallError as error:
            self.failed[str(error.code)] += 1
        else:
            if answer != [number, 2 * number if endpoint == "double" else number * number]:
                self.wrong.append(f"{endpoint} of {number} was answered {answer!r}")
            self.right += 1

    async def publish(self) -> None:
        """Publish one event, with a text that no other has."""
        number = len(self.published)
        channel = CHANNELS[number % 2]
        text = f"{channel} {number}"
        self.published.add(text)
        try:
            await self.web.publish(channel, text, timeout=TIMEOUT)
        except CallError as error:
            self.failed[str(error.code)] += 1

    async def speak(self, rounds: int) -> None:
        """Have everybody call and publish for some rounds."""
        for _ in range(rounds):
            await asyncio.gather(*(self.call() for _ in range(AT_ONCE)), *(self.publish() for _ in range(4)))

    async def works_again(self) -> None:
        """Wait until, with an honest broker, everybody reaches orders over the connection that it has."""
        self.broker.malice = None

        async def works() -> bool:
            before = self.right
            await asyncio.gather(*(self.call() for _ in range(8)))
            return self.right == before + 8

        await eventually_awaited(works, 20.0)

    def check(self, *, once: bool = True) -> None:
        """Fail where anything was wrong: with an answer, with what a handler saw, with how often an instance ran it."""
        for (instance, endpoint, number, _), times in self.ran.items():
            if endpoint != ENDPOINTS[number // 2 % 2] or number > self._numbers:
                self.wrong.append(f"{endpoint} ran with {number}, which nobody called it with")
            if once and times > 1:
                self.wrong.append(f"{endpoint} of {number} ran {times} times at {instance}")
        known: dict[str, str] = {}
        for channel, text, id_ in self.got:
            if text not in self.published or not text.startswith(f"{channel} "):
                self.wrong.append(f"event {text!r} of {channel} was never published")
            if known.setdefault(text, id_) != id_:
                self.wrong.append(f"event {text!r} came as {id_} and as {known[text]}")
        assert not self.wrong, self.wrong[:10]

    def reasons(self) -> Counter[str]:
        """Return why messages were not opened, since this was asked last, over all members."""
        entries = [each for mesh in self.members for each in mesh.running.audit.take(10_000)]
        return Counter(each.reason for each in entries if each.outcome is Outcome.UNOPENED)


def _caller(number: int) -> str:
    return "stock" if number % 2 else "web"


def connections(mesh: Mesh) -> Any:
    """Return the connection that a mesh has now."""
    return vars(mesh.link)["_broker"].current
