"""A breaker: closed while enough attempts succeed, open for a pause when they do not, then half open to see.

Half open it lets one attempt through, then three; the first that fails opens it again (resilience4j's and Linkerd's
way of finding out with real calls).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from crossply.routing.outcomes import Outcomes

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply_policy.protection import BreakerPolicy

REFUSED = -1
_TRIALS = (1, 3)


class Standing(StrEnum):
    """What a breaker does with attempts."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """The breaker of one subset; ``report`` hears of each change of ``standing``.

    An attempt that is let through gets a ticket. What it ends as counts only while the ticket is the current one:
    an attempt from before says nothing of after.
    """

    __slots__ = (
        "_needed",
        "_now",
        "_report",
        "_room",
        "_stage",
        "_until",
        "closed",
        "opened",
        "outcomes",
        "policy",
        "standing",
        "ticket",
    )

    def __init__(self, policy: BreakerPolicy, now: Clock, report: Callable[[Breaker], None]) -> None:
        self.policy = policy
        self.outcomes = Outcomes(policy.window, now)
        self.standing = Standing.CLOSED
        self.closed = True
        self.opened = 0
        self.ticket = 0
        self._now = now
        self._report = report
        self._until = 0.0
        self._stage = self._room = self._needed = 0

    def enter(self) -> int:
        """Return a ticket, or ``REFUSED`` when nothing may be sent."""
        if self.closed:
            return self.ticket
        if self.standing is Standing.OPEN:
            if self._now() < self._until:
                return REFUSED
            self._try(0)
            self._stand(Standing.HALF_OPEN)
        if not self._room:
            return REFUSED
        self._room -= 1
        return self.ticket

    def succeeded(self, ticket: int) -> None:
        """An attempt shows that the callee works."""
        if ticket != self.ticket:
            return
        if self.closed:
            self.outcomes.succeeded()
            return
        self._needed -= 1
        if self._needed:
            return
        if self._stage + 1 < len(_TRIALS):
            self._try(self._stage + 1)
            return
        self.outcomes.clear()
        self.ticket += 1
        self._stand(Standing.CLOSED)

    def failed(self, ticket: int) -> None:
        """An attempt shows that the callee fails."""
        if ticket != self.ticket:
            return
        if self.closed:
            outcomes, policy = self.outcomes, self.policy
            outcomes.failed()
            total = outcomes.good + outcomes.bad
            if total < policy.calls or outcomes.good >= policy.success * total:
                return
        self.opened += 1
        self.ticket += 1
        self._until = self._now() + self.policy.pause
        self._stand(Standing.OPEN)

    def gave_up(self, ticket: int) -> None:
        """An attempt says nothing of the callee; while half open another may take its place."""
        if ticket == self.ticket and not self.closed:
            self._room += 1

    def left(self) -> float:
        """Return the seconds for which nothing will be sent; 0 while it is found out how the callee is."""
        return max(0.0, self._until - self._now())

    def _try(self, stage: int) -> None:
        self._stage = stage
        self._room = self._needed = _TRIALS[stage]
        self.ticket += 1

    def _stand(self, standing: Standing) -> None:
        self.standing = standing
        self.closed = standing is Standing.CLOSED
        self._report(self)
