"""What this instance may do only once it has moved: its connection was opened before policy allowed that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply.errors import DeadlineExceeded, Executed, Origin

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from crossply.clock import Clock
    from crossply.handler import Request

ANYONE: Final = "*"
_FOREVER: Final = 3600.0


class Moves:
    """Knows what awaits a move; whoever waits for it has it made at once."""

    def __init__(self) -> None:
        self._callees: AbstractSet[str] = frozenset()
        self._callers: AbstractSet[str] = frozenset()
        self.publishing = False
        self.wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[bool]] = []

    def begin(self, callees: AbstractSet[str], callers: AbstractSet[str], *, publishing: bool) -> None:
        """Have calls to these, those of these, and events wait from now on, beside what waits already."""
        self._callees |= callees
        self._callers |= callers
        self.publishing |= publishing

    def end(self) -> None:
        """Let everything go on: the move is made."""
        self._callees = self._callers = frozenset()
        self.publishing = False
        self.wanted.clear()
        for each in self._waiting:
            _go_on(each)

    @property
    def pending(self) -> bool:
        """Whether anything waits or would."""
        return bool(self._callees or self._callers or self.publishing)

    @property
    def answering(self) -> bool:
        """Whether replies to some caller wait."""
        return bool(self._callers)

    def to(self, callee: str) -> bool:
        """Whether calls to a service wait."""
        return bool({callee, ANYONE} & self._callees)

    def concern(self, request: Request) -> bool:
        """Whether the reply to a request waits."""
        return request.peer is not None and bool({request.peer.service, ANYONE} & self._callers)

    async def made(self, request: Request, now: Clock) -> None:
        """Return once the move is made; raise ``DeadlineExceeded`` when that takes longer than the request may."""
        if not self.pending:
            return
        self.wanted.set()
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[bool] = loop.create_future()
        # A request is served without a task until it waits, so that no timeout of asyncio's can stand around this.
        late = loop.call_later(min(_FOREVER, max(0.0, request.deadline - now())), _give_up, waiting)
        self._waiting.append(waiting)
        try:
            made = await waiting
        finally:
            late.cancel()
            self._waiting.remove(waiting)
        if not made:
            raise DeadlineExceeded(
                f"{request.operation}: policy allows it, but this side's connection did not follow in time",
                executed=Executed.NO,
                origin=Origin.WIRE,
            )


def _go_on(waiting: asyncio.Future[bool]) -> None:
    if not waiting.done():
        waiting.set_result(True)


def _give_up(waiting: asyncio.Future[bool]) -> None:
    if not waiting.done():
        waiting.set_result(False)
