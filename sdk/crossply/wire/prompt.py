"""Work that begins in the turn of the loop that brought it, so that only what has to wait becomes a task.

A task costs as much as the rest of a short call: one that ends without waiting needs none.
"""

from __future__ import annotations

from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

T = TypeVar("T")


class Rest(Generic[T]):
    """What is left of work that has begun and waits: to be awaited by a task that runs in ``context``."""

    __slots__ = ("_steps", "_waited", "context")

    def __init__(self, steps: Generator[Any, Any, T], waited: object, context: Context) -> None:
        self._steps = steps
        self._waited = waited
        self.context = context

    def __await__(self) -> Generator[Any, Any, T]:
        """Wait for what the work waits for, then go on with it."""
        steps, waited = self._steps, self._waited
        try:
            while True:
                try:
                    sent = yield waited
                except BaseException as error:  # noqa: BLE001 - it is the work's, a cancellation too
                    waited = steps.throw(error)
                else:
                    waited = steps.send(sent)
        except StopIteration as ended:
            result: T = ended.value
            return result


def begin(work: Awaitable[T]) -> T | Rest[T]:
    """Run ``work`` in a context of its own until it ends or waits; return its result, or what is left of it.

    There is no current task meanwhile: what asks for one, as ``asyncio.timeout`` does, must not stand before the
    first wait.
    """
    steps = work.__await__()
    context = copy_context()
    try:
        waited = context.run(next, steps)
    except StopIteration as ended:
        result: T = ended.value
        return result
    return Rest(steps, waited, context)
