"""How many calls are of use at a time, from how long they take and how many finish: one look every 100 ms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from crossply.clock import Clock

FLOOR: Final = 4
_WINDOW: Final = 0.1
_LEAST_SAMPLES: Final = 10
_CROWD: Final = 16
_TOLERANCE: Final = 2.0
_HEADROOM: Final = 1.5
_MANY_LATE: Final = 0.1
_COSTLY: Final = 0.7
_FOLLOW: Final = 0.25
_DRIFT: Final = 1.001


class Usual:
    """What calls to one endpoint usually take, and what those of this window took; seconds."""

    __slots__ = ("count", "seconds", "spent")

    def __init__(self) -> None:
        self.seconds = 0.0
        self.spent = 0.0
        self.count = 0

    def close(self, *, calm: bool) -> None:
        """Learn from a window: at once what is less, or what was taken while next to nothing ran; slowly the rest."""
        if self.count:
            average = self.spent / self.count
            if not self.seconds:
                self.seconds = average
            elif calm or average < self.seconds:
                self.seconds += _FOLLOW * min(1.0, self.count / _LEAST_SAMPLES) * (average - self.seconds)
            else:
                self.seconds *= _DRIFT
        self.spent, self.count = 0.0, 0

    def accept(self) -> None:
        """Take what this window's calls took as usual."""
        if self.count:
            self.seconds = self.spent / self.count


class Concurrency:
    """The limit, between ``FLOOR`` and ``ceiling``; ``rate`` finish in a second, ``service`` seconds each."""

    def __init__(self, ceiling: int, now: Clock) -> None:
        self.ceiling = self.limit = ceiling
        self.rate = 0.0
        self.service = 0.0
        self._usual: dict[str, Usual] = {}
        self._before: tuple[float, int] | None = None
        self._idled = False
        self._samples = self._late = self._peak = 0
        self._began, self._until = now(), now() + _WINDOW

    def usual(self, operation: str) -> Usual:
        """Return what is known of an endpoint."""
        return self._usual.setdefault(operation, Usual())

    def answered(self, usual: Usual, took: float, running: int, now: float) -> None:
        """Count a call that was answered after ``took`` seconds, when ``running`` ran with it."""
        if self._idled and now >= self._until:
            self._begin_again(now - took)
        usual.count += 1
        usual.spent += took
        self._counted(running, now)

    def late(self, running: int, now: float) -> None:
        """Count a call that was stopped at its deadline."""
        self._late += 1
        self._counted(running, now)

    def idle(self) -> None:
        """Nothing runs any more: whatever there was too much of is over."""
        self.limit, self.rate, self._before, self._idled = self.ceiling, 0.0, None, True

    def _counted(self, running: int, now: float) -> None:
        self._samples += 1
        if running > self._peak:  # noqa: PLR1730 - once for each call; max() would be one more call
            self._peak = running
        if now >= self._until and self._samples >= _LEAST_SAMPLES:
            self._look(now)

    def _look(self, now: float) -> None:
        """Close a window: set the limit by it, and learn from it."""
        spent = work = 0.0
        answered = 0
        for usual in self._usual.values():
            answered += usual.count
            spent += usual.spent
            work += usual.count * usual.seconds if usual.seconds else usual.spent
        elapsed = max(now - self._began, _WINDOW)
        calm = self._peak <= FLOOR
        # What is not at its limit could do more: only then is its pace the pace that others will be served at.
        if answered and (not calm or self._peak >= self.limit):
            self.rate, self.service = answered / elapsed, spent / answered
        useful = work / elapsed
        if self._was_mistaken(useful):
            for usual in self._usual.values():
                usual.accept()
        elif self._may_shrink() and (spent > _TOLERANCE * work or self._late > _MANY_LATE * self._samples):
            self._shrink(useful)
        else:
            self.limit = min(self.ceiling, self.limit + self.limit // 2 + 1)
        self._close(now, calm=calm)

    def _may_shrink(self) -> bool:
        """Whether there is enough to go by: little says nothing, and what is not limited yet is left alone longer."""
        if self.limit < self.ceiling:
            return self._peak > FLOOR
        return self._peak > _CROWD and self._samples >= 2 * _LEAST_SAMPLES

    def _shrink(self, useful: float) -> None:
        fitting = max(FLOOR, math.ceil(_HEADROOM * useful))
        if fitting < self.limit:
            self._before = self._before or (useful, self.limit)
            self.limit = fitting

    def _was_mistaken(self, useful: float) -> bool:
        """Whether a smaller limit has been kept to for a whole window, and less got done; it is then taken back."""
        if self._before is None or self._peak > self.limit:
            return False
        (useful_before, limit), self._before = self._before, None
        if useful >= _COSTLY * useful_before:
            return False
        self.limit = limit
        return True

    def _begin_again(self, began: float) -> None:
        self._idled = False
        self._close(began, calm=self._peak <= FLOOR)

    def _close(self, now: float, *, calm: bool) -> None:
        for usual in self._usual.values():
            usual.close(calm=calm)
        self._open_window(now)

    def _open_window(self, now: float) -> None:
        self._began, self._until = now, now + _WINDOW
        self._samples = self._late = self._peak = 0
