"""How many calls run at a time in this instance, who waits for a place, and who is sent away at once.

The limit follows the instance. It stays at its ceiling as long as calls take what they usually take, each endpoint
measured against itself. Once they take more than twice that, more of them run than are of use: by Little's law, as
many are as finish in a second times the seconds each usually takes. Half as many again are let in, so that the
instance stays busy, and the others wait outside, where they can still be refused for nothing (the idea of gradient
limits, Netflix's concurrency-limits; the work that flows through is taken as BBR takes it). A limit that costs
throughput was a mistake, such as when what an endpoint calls has become slower: it is taken back, and the new
latency is the usual one.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from crossply.errors import CallError, Overloaded, Unavailable
from crossply.protection.concurrency import Concurrency
from crossply_policy.documents import AdmissionPolicy

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.handler import Request

_MARGIN: Final = 1.25
_SOONEST, _LATEST = 0.05, 1.0


class Waiting(NamedTuple):
    """A request that waits for a place, and what ends its waiting: with ``None``, or with the refusal."""

    request: Request
    place: asyncio.Future[None]


class Admission:
    """The places of one instance; ``most`` may be here, waiting ones included, whatever a policy says."""

    def __init__(self, most: int, now: Clock) -> None:
        self._most = most
        self._now = now
        self.in_flight = 0
        self.draining = False
        self.waiting: deque[Waiting] = deque()
        self.adopt(AdmissionPolicy())

    def adopt(self, policy: AdmissionPolicy) -> None:
        """Go by another policy from now on; what was learned is kept unless the policy is another one."""
        if policy == getattr(self, "policy", None):
            return
        self.policy = policy
        self.limit = self._most if policy.limit is None else min(policy.limit, self._most)
        self.concurrency = Concurrency(self.limit, self._now)
        self.hand_over()

    @property
    def held(self) -> int:
        """How many requests are here: those that run, and those that wait."""
        return self.in_flight + len(self.waiting)

    def refuse_static(self, request: Request) -> None:
        """Raise when nothing more may run."""
        self._refuse_draining(request)
        if self.in_flight >= self.limit:
            raise Overloaded(
                f"{request.operation}: {self.limit} requests are in flight at this instance already",
                retry_after=2 * _SOONEST,
            )

    async def wait(self, request: Request) -> None:
        """Return with a place, or raise ``Overloaded`` as soon as it is clear that there will be none in time."""
        self._refuse_draining(request)
        self._refuse_late(request)
        if len(self.waiting) >= self.policy.queue or self.held >= self._most:
            self._make_room(request)
        loop = asyncio.get_running_loop()
        mine = Waiting(request, loop.create_future())
        self.waiting.append(mine)
        timer = None
        if request.deadline != math.inf:
            timer = loop.call_later(request.deadline - self._now(), self._send_away, mine)
        try:
            await mine.place
        except asyncio.CancelledError:
            if mine.place.done() and not mine.place.cancelled() and mine.place.exception() is None:
                self.leave()  # it was given a place just when it gave up
            else:
                self._forget(mine)
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def leave(self) -> None:
        """Free a place, and give it to who waits longest and can still be served in time."""
        self.in_flight -= 1
        if self.waiting:
            self.hand_over()
        elif not self.in_flight:
            self.concurrency.idle()

    def hand_over(self) -> None:
        """Give the places that are free to those who wait."""
        while self.waiting and self.in_flight < self.concurrency.limit:
            first = self.waiting.popleft()
            if first.place.done():
                continue
            if first.request.deadline - self._now() < self.concurrency.service:
                first.place.set_exception(self._overloaded(first.request, "its deadline is too near by now"))
                continue
            self.in_flight += 1
            first.place.set_result(None)

    def _refuse_draining(self, request: Request) -> None:
        if self.draining:
            raise Unavailable(f"{request.operation}: this instance is draining")

    def _refuse_late(self, request: Request) -> None:
        """Refuse what could not be answered by its deadline, at the pace that this instance keeps."""
        pace = self.concurrency
        if not pace.rate:
            return
        needed = (len(self.waiting) + 1) / pace.rate + pace.service
        if needed * _MARGIN > request.deadline - self._now():
            raise self._overloaded(request, "it could not be answered by its deadline")

    def _make_room(self, request: Request) -> None:
        """Refuse the newest that is cheapest to refuse: a first attempt, for which nothing has been spent yet."""
        if request.attempt > 1:
            for each in reversed(self.waiting):
                if each.request.attempt == 1 and not each.place.done():
                    self._send_away(each)
                    return
        raise self._overloaded(request, f"{len(self.waiting)} others wait already, and no more may")

    def _send_away(self, waiting: Waiting) -> None:
        if not waiting.place.done():
            waiting.place.set_exception(self._overloaded(waiting.request, "there was no place for it in time"))
        self._forget(waiting)

    def _forget(self, waiting: Waiting) -> None:
        if waiting in self.waiting:
            self.waiting.remove(waiting)

    def _overloaded(self, request: Request, why: str) -> CallError:
        pace = self.concurrency
        soon = len(self.waiting) / pace.rate if pace.rate else 2 * _SOONEST
        return Overloaded(
            f"{request.operation}: this instance runs {self.in_flight} requests, as many as it can; {why}",
            retry_after=min(_LATEST, max(_SOONEST, soon)),
        )
