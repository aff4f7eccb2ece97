"""A handler that answers from a script, and remembers what it was asked."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

from crossply.errors import CallError
from crossply.handler import Request, Response

Answer: TypeAlias = "Response | BaseException | type[CallError] | Callable[[Request], Awaitable[Response]]"


class Script:
    """Plays one step for each request: returns a response, raises an error, calls a handler.

    A number is a pause in seconds before the step after it. When the steps have run out, ``then`` is played
    for every further request, an empty response unless said otherwise. ``seen`` has each request as it came.
    """

    def __init__(self, steps: Iterable[Answer | float] = (), *, then: Answer | None = None) -> None:
        self._steps = list(steps)
        self._then: Answer = Response() if then is None else then
        self.seen: list[Request] = []

    @property
    def left(self) -> int:
        """How many steps have not been played."""
        return len(self._steps)

    async def __call__(self, request: Request) -> Response:
        """Play the next step."""
        self.seen.append(_as_it_is(request))
        answer = await self._next()
        if isinstance(answer, Response):
            return answer
        if isinstance(answer, BaseException):
            # A copy, as layers write into the errors that pass them.
            raise copy.copy(answer)
        if isinstance(answer, type):
            raise answer(f"{request.operation}: scripted")
        return await answer(request)

    async def _next(self) -> Answer:
        while self._steps:
            step = self._steps.pop(0)
            if not isinstance(step, int | float):
                return step
            await asyncio.sleep(step)
        return self._then


def _as_it_is(request: Request) -> Request:
    """Return a copy, as the layers that hold a request may change it later."""
    kept = request.fork(request.attempt)
    kept.metadata = None if request.metadata is None else dict(request.metadata)
    kept.baggage = None if request.baggage is None else dict(request.baggage)
    return kept
