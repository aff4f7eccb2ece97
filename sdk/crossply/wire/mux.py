"""Replies: one subscription on the inbox, tokens that come again, a table of what waits for them, one timer.

A broker remembers where the subjects of a connection lead and whether it may publish there, and finds out anew for
each that it has not seen. So the token of an attempt that was answered is taken again: the broker has less to do. That
of one whose reply did not come is not, as it may still come.

Whoever may answer can also forge the broker's word that nobody listens, by which a call is sent again as one that did
not run. So where the answer to an operation goes is seen by who serves it, and is not to be guessed by others.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from crossply.alarm import Alarm
from crossply.errors import CallError, DeadlineExceeded, Disconnected, LinkLost, NoResponders, Origin
from crossply.names import new_id

if TYPE_CHECKING:
    from crossply.clock import Clock

_NO_RESPONDERS = b"NATS/1.0 503"
ASKED_AT_ONCE = 64
SPARE = 1024
_HEADS = 8192
"""In how many bytes of a reply the id is looked for that it answers."""
_RANDOM = 8
_SLOW = 0.1
"""Seconds after which an attempt is asked about; the vigil begins to ask no earlier."""


Reply: TypeAlias = tuple[bytes, bytes]
"""Payload and header block of a message on the inbox."""

Listener: TypeAlias = "Callable[[bytes, bytes, bytes], None]"
"""Gets subject, payload and header block of every message to its token."""


class Attempt(msgspec.Struct, eq=False):
    """One message in flight that expects one reply, by ``deadline`` on the monotonic clock.

    Its token was another's ``before``: what does not name its ``id`` was not sent to it.
    """

    operation: str
    instance: str | None
    started: float
    deadline: float
    reply: asyncio.Future[Reply]
    id: bytes = b""
    before: bool = False

    @property
    def service(self) -> str:
        """The callee."""
        return self.operation.partition(".")[0]


class Mux:
    """The table of attempts and listeners by inbox token; ``prefix`` ends with a dot.

    At most ``spare`` tokens are kept to be taken again.
    """

    def __init__(self, prefix: str, now: Clock) -> None:
        self.prefix = prefix.encode()
        self._from = len(self.prefix)
        self._now = now
        self._loop = asyncio.get_running_loop()
        self.spare = SPARE
        self._spared = 0
        self._free: dict[str, list[bytes]] = {}
        self._attempts: dict[bytes, Attempt] = {}
        self._listeners: dict[bytes, Listener] = {}
        self._alarm = Alarm(self._expire, now)

    def __len__(self) -> int:
        return len(self._attempts)

    def open(
        self,
        operation: str,
        instance: str | None,
        started: float,
        deadline: float,
        id: bytes = b"",  # noqa: A002 - the field's name
        *,
        first: bool = False,
    ) -> tuple[bytes, Attempt]:
        """Return a token and the attempt that a reply to it will end; the ``first`` one of an id may take one again.

        A further one does not: what comes twice for the one before it has the same id.
        """
        before = False
        if first and (free := self._free.get(operation)):
            token, before = free.pop(), True
            self._spared -= 1
        else:
            token = _unguessed()
        attempt = Attempt(operation, instance, started, deadline, self._loop.create_future(), id, before)
        self._attempts[token] = attempt
        if deadline < self._alarm.at:
            self._alarm.by(deadline, started)
        return token, attempt

    def close(self, token: bytes, attempt: Attempt) -> None:
        """Forget an attempt that has no reply; one that still comes is dropped.

        Of one that was answered before its turn came, the token may be another's by now: that one goes on.
        """
        if self._attempts.get(token) is attempt:
            del self._attempts[token]

    def listen(self, listener: Listener) -> bytes:
        """Return a token whose messages all go to ``listener``, until ``unlisten``."""
        token = b"l" + _unguessed()
        self._listeners[token] = listener
        return token

    def unlisten(self, token: bytes) -> None:
        """Forget a listener."""
        self._listeners.pop(token, None)

    def take(self, subject: bytes, _reply: bytes, data: bytes, headers: bytes) -> None:
        """Hand a message on the inbox to whoever waits for it."""
        token = subject[self._from :]
        attempt = self._attempts.get(token)
        if attempt is None:
            listener = self._listeners.get(token)
            if listener is not None:
                listener(subject, data, headers)
            return
        if data.find(attempt.id, 0, _HEADS) >= 0:
            if attempt.id and self._spared < self.spare:
                self._keep(attempt.operation, token)
        elif attempt.before and (data or not no_responders(headers)):
            return
        del self._attempts[token]
        if attempt.reply.done():
            return
        if not data and no_responders(headers):
            attempt.reply.set_exception(
                NoResponders(
                    f"{attempt.operation}: nobody listens at {attempt.instance or 'the queue group'}",
                    origin=Origin.WIRE,
                )
            )
        else:
            attempt.reply.set_result((data, headers))

    def _keep(self, operation: str, token: bytes) -> None:
        free = self._free.get(operation)
        if free is None:
            if len(self._free) >= self.spare:
                self._free.clear()
                self._spared = 0
            free = self._free[operation] = []
        free.append(token)
        self._spared += 1

    def _expire(self, now: float) -> float:
        """End what is past its deadline; return the earliest deadline of the others."""
        earliest = math.inf
        for attempt in list(self._attempts.values()):
            if attempt.deadline > now:
                earliest = min(earliest, attempt.deadline)
            elif not attempt.reply.done():
                attempt.reply.set_exception(
                    DeadlineExceeded(
                        f"{attempt.operation}: no reply in time from {attempt.instance or 'the queue group'}",
                        origin=Origin.WIRE,
                    )
                )
        return earliest

    def fail(
        self,
        error: Callable[[Attempt], CallError],
        *,
        service: str | None = None,
        instance: str | None = None,
        where: Callable[[Attempt], bool] = lambda _: True,
    ) -> int:
        """End attempts in flight with an error: all, those to one instance, or ``where`` it holds; return how many."""
        failed = 0
        for attempt in filter(where, list(self._attempts.values())):
            if instance is not None and (attempt.instance != instance or attempt.service != service):
                continue
            if not attempt.reply.done():
                attempt.reply.set_exception(error(attempt))
                failed += 1
        return failed

    def questions(self, service: str, instance: str) -> bytes:
        """Return the body of a ping of an instance: the ids of the slow attempts at it."""
        return b"".join(self.asked_about(service, instance, _SLOW))

    def asked_about(self, service: str, instance: str, older_than: float) -> list[bytes]:
        """Return the ids of attempts at an instance that are older than that; as many as one ping asks about."""
        before = self._now() - older_than
        waiting = (
            attempt.id
            for attempt in self._attempts.values()
            if attempt.instance == instance and attempt.started < before and not attempt.reply.done()
            if attempt.service == service
        )
        return list(itertools.islice(waiting, ASKED_AT_ONCE))

    def lose(self, ids: set[bytes], instance: str) -> None:
        """End the attempts of these ids at an instance: it has not got them, or their replies have not come."""
        for attempt in list(self._attempts.values()):
            if attempt.id in ids and attempt.instance == instance and not attempt.reply.done():
                attempt.reply.set_exception(
                    Disconnected(
                        f"{attempt.operation}: lost between here and instance {instance}, which does not work on it",
                        origin=Origin.WIRE,
                    )
                )

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

    def close_all(self) -> None:
        """Expire nothing any more."""
        self._alarm.cancel()


def _unguessed() -> bytes:
    return new_id()[:_RANDOM].hex().encode()


def no_responders(headers: bytes) -> bool:
    """Tell the broker's own answer that nobody listens."""
    return headers.startswith(_NO_RESPONDERS)


def disconnected(attempt: Attempt) -> CallError:
    """The error of an attempt whose connection went away."""
    return LinkLost(f"{attempt.operation}: the connection to the broker was lost while waiting", origin=Origin.WIRE)


def instance_gone(attempt: Attempt) -> CallError:
    """The error of an attempt whose instance went away."""
    return Disconnected(f"{attempt.operation}: instance {attempt.instance} is gone", origin=Origin.WIRE)
