"""Calls out of one link: attempts in flight, their deadlines, their replies."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crossply.errors import (
    CallError,
    DeadlineExceeded,
    Disconnected,
    Executed,
    LinkLost,
    NoResponders,
    Origin,
    PayloadTooLarge,
)
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.wire import message
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.link import Pong

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.testing.memory.link import MemoryLink


@dataclass(slots=True, eq=False)
class Attempt:
    """One message in flight that expects one reply; ``pinged`` says whether it may be asked about."""

    operation: str
    service: str
    instance: str | None
    pinged: bool
    started: float
    reply: asyncio.Future[bytes]

    def settle(self, raw: bytes) -> None:
        """Take the reply; a second one is dropped."""
        if not self.reply.done():
            self.reply.set_result(raw)

    def fail(self, error: CallError) -> bool:
        """End with an error; return whether it was still waiting."""
        waited = not self.reply.done()
        if waited:
            self.reply.set_exception(error)
        return waited


class Calling:
    """The attempts of one link."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link
        self._attempts: set[Attempt] = set()

    async def call(self, request: Request) -> Response:
        """Send one attempt and return its reply, by its deadline."""
        await self._link.ready(request.operation, request.deadline)
        raw = await self._exchange(request, request.operation)
        try:
            return message.open_response(raw, request, self._link.senders)
        except EnvelopeFault as fault:
            raise message.integrity(request.operation, fault) from fault

    async def ping(self, operation: str, instance: str, timeout: float) -> Pong:
        """Ask an instance whether it lives."""
        if not self._link.connected:
            return Pong.SILENT
        deadline = self._link.now() + timeout
        request = Request(operation, kind=Kind.PING, id=new_id(), instance=instance, deadline=deadline)
        try:
            await self._exchange(request, f"ping {operation}")
        except NoResponders:
            return Pong.GONE
        except CallError:
            return Pong.SILENT
        return Pong.ALIVE

    async def _exchange(self, request: Request, operation: str) -> bytes:
        link, now = self._link, self._link.now()
        if request.deadline <= now:
            raise DeadlineExceeded(f"{operation}: deadline passed before the request was sent", executed=Executed.NO)
        payload = message.pack_request(link.sender, request, now=now)
        if len(payload) > link.broker.max_payload:
            raise PayloadTooLarge(
                f"{operation}: message of {len(payload)} bytes is above the broker's limit of"
                f" {link.broker.max_payload}; raise its max_payload or send less"
            )
        attempt = Attempt(operation, request.service, request.instance, request.kind is not Kind.PING, now, _future())
        self._attempts.add(attempt)
        timer = self._expiring(attempt, request.deadline - now)
        try:
            self._send(request, payload, attempt)
            return await attempt.reply
        finally:
            self._attempts.discard(attempt)
            timer()

    def _send(self, request: Request, payload: bytes, attempt: Attempt) -> None:
        link = self._link
        callee = link.broker.member(request.service, request.endpoint, request.instance)
        if callee is None:
            nobody = NoResponders(
                f"{attempt.operation}: nobody listens at {request.instance or 'the queue group'}",
                origin=Origin.WIRE,
            )
            link.receive(lambda: attempt.fail(nobody))
        else:
            callee.take(request.endpoint, payload, lambda raw: link.receive(lambda: attempt.settle(raw)))

    @staticmethod
    def _expiring(attempt: Attempt, remaining: float) -> Callable[[], None]:
        """Start the timer of an attempt and return how to stop it."""
        if math.isinf(remaining):
            return lambda: None
        late = DeadlineExceeded(
            f"{attempt.operation}: no reply in time from {attempt.instance or 'the queue group'}",
            origin=Origin.WIRE,
        )
        return asyncio.get_running_loop().call_later(remaining, attempt.fail, late).cancel

    def fail_all(self) -> None:
        """Fail all attempts: the connection went away."""
        for each in list(self._attempts):
            each.fail(
                LinkLost(
                    f"{each.operation}: the connection to the broker was lost while waiting",
                    origin=Origin.WIRE,
                )
            )

    def fail_attempts(self, service: str, instance: str) -> int:
        """Fail the attempts in flight to an instance; return how many."""
        return sum(
            each.fail(Disconnected(f"{each.operation}: instance {instance} is gone", origin=Origin.WIRE))
            for each in list(self._attempts)
            if (each.service, each.instance) == (service, instance)
        )

    def outstanding(self, older_than: float) -> dict[tuple[str, str], tuple[str, float]]:
        """Map each addressed instance to the operation and age of its oldest attempt older than that."""
        now = self._link.now()
        oldest: dict[tuple[str, str], tuple[str, float]] = {}
        for each in sorted(self._attempts, key=lambda one: one.started, reverse=True):
            age = now - each.started
            if each.instance is not None and each.pinged and age > older_than and not each.reply.done():
                oldest[each.service, each.instance] = (each.operation, age)
        return oldest


def _future() -> asyncio.Future[bytes]:
    return asyncio.get_running_loop().create_future()
