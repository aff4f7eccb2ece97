"""Copies of calls: sent on the side, few at a time, in their own time, and never heard of again."""

from __future__ import annotations

from contextvars import Context
from typing import TYPE_CHECKING

from crossply.context import AMBIENT
from crossply.errors import CallError
from crossply.handler import Request
from crossply.names import new_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.handler import Handler
    from crossply.tasks import Tasks
    from crossply.telemetry.recorder import Recorder

IN_FLIGHT = 64
MARK = "crossply-mirror-of"
"""The word in a copy's metadata; its value is the operation that was called."""


class Mirrors:
    """The copies of one process; ``recorder`` counts those for which there was no room."""

    def __init__(self, tasks: Tasks, recorder: Recorder, most: int = IN_FLIGHT) -> None:
        self._tasks = tasks
        self._recorder = recorder
        self._most = most
        self.in_flight = 0

    def to(
        self, operation: str, subset: str | None, find: Callable[[], Awaitable[Handler]]
    ) -> Callable[[Request], None]:
        """Return how to send copies to an operation; ``find`` is asked for its handler by each copy."""

        def copying(request: Request) -> None:
            if self.in_flight >= self._most:
                self._recorder.copies_dropped += 1
                return
            copy = copied(request, operation, subset)
            self.in_flight += 1
            # An empty context: what is being served here ends earlier than the copy, whose time is its own.
            Context().run(self._tasks.spawn, self._send(find, copy), "mirror")

        return copying

    async def _send(self, find: Callable[[], Awaitable[Handler]], copy: Request) -> None:
        try:
            await (await find())(copy)
        except CallError:
            pass  # the callee counts it; the call it is a copy of has nothing to do with it
        finally:
            self.in_flight -= 1


def copied(request: Request, operation: str, subset: str | None) -> Request:
    """Return a request of its own that says what it is a copy of.

    It has no idempotency key: where copy and call end in one store, the answer of one must not become the other's.
    """
    copy = request.fork(1)
    copy.id = new_id()
    copy.operation, copy.subset, copy.instance, copy.tried = operation, subset, None, ()
    copy.idempotency_key = None
    copy.deadline = float("inf")
    copy.metadata = {**(request.metadata or {}), MARK: request.operation}
    ambient = AMBIENT.get()
    if ambient is not None and ambient.baggage:
        copy.baggage = {**ambient.baggage, **(request.baggage or {})}
    return copy
