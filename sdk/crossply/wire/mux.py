"""Replies: one subscription on this instance's inbox, a counter for tokens, a table of what waits for them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from crossply.errors import CallError, Disconnected, NoResponders, Origin

if TYPE_CHECKING:
    from nats.aio.msg import Msg

    from crossply.clock import Clock

Listener: TypeAlias = "Callable[[Msg], None]"
_STATUS, _NO_RESPONDERS = "Status", "503"


@dataclass(slots=True, eq=False)
class Attempt:
    """One message in flight that expects one reply."""

    operation: str
    service: str
    instance: str | None
    started: float
    reply: asyncio.Future[Msg]


class Mux:
    """The table of attempts and listeners by inbox token; ``prefix`` ends with a dot."""

    def __init__(self, prefix: str, now: Clock) -> None:
        self.prefix = prefix
        self._now = now
        self._tokens = itertools.count(1)
        self._attempts: dict[str, Attempt] = {}
        self._listeners: dict[str, Listener] = {}

    def __len__(self) -> int:
        return len(self._attempts)

    def open(self, operation: str, instance: str | None) -> tuple[str, Attempt]:
        """Return a token and the attempt that a reply to it will end."""
        token = f"{next(self._tokens):x}"
        reply: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        attempt = Attempt(operation, operation.partition(".")[0], instance, self._now(), reply)
        self._attempts[token] = attempt
        return token, attempt

    def close(self, token: str) -> None:
        """Forget a token; a reply that still comes is dropped."""
        self._attempts.pop(token, None)
        self._listeners.pop(token, None)

    def listen(self, listener: Listener) -> str:
        """Return a token whose messages all go to ``listener``, until ``close``."""
        token = f"l{next(self._tokens):x}"
        self._listeners[token] = listener
        return token

    async def take(self, message: Msg) -> None:
        """Hand a message on the inbox to whoever waits for it."""
        token = message.subject[len(self.prefix) :]
        attempt = self._attempts.get(token)
        if attempt is None:
            listener = self._listeners.get(token)
            if listener is not None:
                listener(message)
            return
        if attempt.reply.done():
            return
        if not message.data and no_responders(message):
            attempt.reply.set_exception(
                NoResponders(
                    f"{attempt.operation}: nobody listens at {attempt.instance or 'the queue group'}",
                    origin=Origin.WIRE,
                )
            )
        else:
            attempt.reply.set_result(message)

    def fail(
        self,
        error: Callable[[Attempt], CallError],
        *,
        service: str | None = None,
        instance: str | None = None,
    ) -> int:
        """End attempts in flight with an error, all of them or those to one instance; return how many."""
        failed = 0
        for attempt in list(self._attempts.values()):
            if instance is not None and (attempt.instance != instance or attempt.service != service):
                continue
            if not attempt.reply.done():
                attempt.reply.set_exception(error(attempt))
                failed += 1
        return failed

    def outstanding(self, older_than: float) -> dict[tuple[str, str], tuple[str, float]]:
        """Map each addressed instance to the operation and age of its oldest attempt older than that."""
        now = self._now()
        oldest: dict[tuple[str, str], tuple[str, float]] = {}
        for attempt in self._attempts.values():
            age = now - attempt.started
            if attempt.instance is None or age <= older_than or attempt.reply.done():
                continue
            place = (attempt.service, attempt.instance)
            if place not in oldest or oldest[place][1] < age:
                oldest[place] = (attempt.operation, age)
        return oldest


def no_responders(message: Msg) -> bool:
    """Tell the broker's own answer that nobody listens."""
    headers = message.headers
    return headers is not None and headers.get(_STATUS) == _NO_RESPONDERS


def disconnected(attempt: Attempt) -> CallError:
    """The error of an attempt whose connection went away."""
    return Disconnected(f"{attempt.operation}: the connection to the broker was lost while waiting", origin=Origin.WIRE)


def instance_gone(attempt: Attempt) -> CallError:
    """The error of an attempt whose instance went away."""
    return Disconnected(f"{attempt.operation}: instance {attempt.instance} is gone", origin=Origin.WIRE)
