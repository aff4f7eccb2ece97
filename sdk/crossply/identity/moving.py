"""Moves this process's connection when policy changes what the broker should let it do: make before break.

The broker decides when a connection is opened, by the policy that the authority has then. So what it decided is asked
of it after each change, and compared by digest with what follows from the policy in force here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from crossply.telemetry.logs import get_logger
from crossply.wire import allow_list
from crossply_policy.access.reach import Reach, reach

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from crossply.clock import Chance
    from crossply.identity.place import Place
    from crossply.wire.allow_list import AllowList
    from crossply.wire.renewals import Renewals
    from crossply_policy.access.decision import Caller
    from crossply_policy.access.rules import Access

SETTLED: Final = 0.1
"""Seconds before the earliest move: in these the authority hears of the change as well."""
SPREAD: Final = 2.0
"""Seconds over which instances spread their moves; a call that waits for one has it made at once."""
_LOOK: Final = 0.05
_FIRST, _LONGEST = 2.0, 60.0
"""Seconds to wait for one move, and at the longest between two that changed nothing."""


class Wanted:
    """Computes what an instance's connection should be allowed; ``needs`` are the patterns whose events it takes."""

    def __init__(self, who: Caller, instance: str, tenant: str, needs: Iterable[str]) -> None:
        self._who = who
        self._instance = instance
        self._tenant = tenant
        self._needs = tuple(needs)

    def by(self, access: Access) -> tuple[Reach, AllowList]:
        """Return it by the documents in force."""
        found = reach(access, self._who, self._needs)
        return found, allow_list.of_instance(found, self._who.service, self._instance, self._tenant)


class Moving:
    """One connection's."""

    def __init__(
        self,
        wanted: Wanted,
        renewals: Renewals,
        place: Place,
        chance: Chance,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._to_want = wanted
        self._renewals = renewals
        self._moves = place.moves
        self._moved = place.moved
        self._chance = chance
        self._pause = pause
        self._reach: Reach | None = None
        self._wanted: AllowList | None = None
        self._due = asyncio.Event()
        self._log = get_logger("identity")
        place.tasks.for_ever(self._following, "moves")

    def adopt(self, access: Access) -> None:
        """Have the connection follow this from now on: before anything that policy allows newly is tried."""
        found, wanted = self._to_want.by(access)
        before, self._reach = self._reach, found
        if self._wanted is not None and wanted.digest == self._wanted.digest:
            return
        self._wanted = wanted
        if before is not None:
            self._moves.begin(
                found.callees - before.callees,
                found.callers - before.callers,
                publishing=bool(found.publishes - before.publishes),
            )
        self._due.set()

    async def _following(self) -> None:
        await self._due.wait()
        self._due.clear()
        if not await self._fits():
            await self._spread()
            await self._move()
        if not self._due.is_set() and self._moves.pending:
            self._moves.end()
            self._moved()

    async def _spread(self) -> None:
        """Wait for this instance's turn, but for nothing longer than ``SETTLED`` once somebody waits."""
        await self._pause(SETTLED)
        waiting = asyncio.ensure_future(self._moves.wanted.wait())
        try:
            await asyncio.wait({waiting}, timeout=(SPREAD - SETTLED) * self._chance.random())
        finally:
            waiting.cancel()

    async def _move(self) -> None:
        """Move until what the broker decided is what follows from policy, or policy has changed again."""
        within = _FIRST
        while not self._due.is_set():
            self._log.info("moving", why="policy changed what this connection may")
            self._renewals.tell()
            for _ in range(round(within / _LOOK)):
                await self._pause(_LOOK)
                if self._due.is_set() or await self._fits():
                    return
            self._log.warning("moved_in_vain", why="the broker decides by another policy than is known here")
            if self._moves.pending:
                # Who waits is told by the broker what it does not let through; that is better than no answer.
                self._moves.end()
                self._moved()
            within = min(2 * within, _LONGEST)

    async def _fits(self) -> bool:
        """Return whether the connection may what it should; one that may everything, or does not say, does."""
        allowed = await self._renewals.allowed()
        return allowed is None or self._wanted is None or allowed.digest == self._wanted.digest
