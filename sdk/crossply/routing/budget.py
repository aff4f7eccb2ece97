"""The retry budget: further attempts in proportion to calls, so that retries cannot multiply an outage.

A fixed number of attempts multiplies load exactly when there is too much of it; a budget bounds the share of
retries in all traffic (Finagle's ``RetryBudget``: 20 % of calls plus a floor for those who call rarely).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply_policy.documents import BudgetPolicy

_SLOTS = 10


class RetryBudget:
    """Deposits of the last ``window`` seconds, in ten slots; a withdrawal counts against them.

    Withdrawals are kept for a slot longer, so that no ``window`` seconds see more of them than are allowed.
    """

    def __init__(self, policy: BudgetPolicy, now: Clock) -> None:
        self.policy = policy
        self._now = now
        self._slot = policy.window / _SLOTS
        self._calls = [0] * _SLOTS
        self._retries = [0] * (_SLOTS + 1)
        self._at = int(now() / self._slot)
        self._until = (self._at + 1) * self._slot

    def deposit(self) -> None:
        """Count a call."""
        if (now := self._now()) >= self._until:
            self._turn(now)
        self._calls[self._at % _SLOTS] += 1

    def withdraw(self) -> bool:
        """Take a further attempt out of the budget; return False when there is none left."""
        if (now := self._now()) >= self._until:
            self._turn(now)
        allowed = sum(self._calls) * self.policy.ratio + self.policy.floor * self.policy.window
        if sum(self._retries) + 1 > allowed:
            return False
        self._retries[self._at % (_SLOTS + 1)] += 1
        return True

    def _turn(self, now: float) -> None:
        """Begin the slot of ``now``, and empty those between it and the last one."""
        at = int(now / self._slot)
        for passed in range(self._at + 1, min(at, self._at + _SLOTS + 1) + 1):
            self._calls[passed % _SLOTS] = self._retries[passed % (_SLOTS + 1)] = 0
        self._at = max(at, self._at)
        self._until = (self._at + 1) * self._slot
