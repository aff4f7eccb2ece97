"""Send a second attempt when the first takes long; the first answer counts, and the other attempt is given up."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from crossply.errors import Absent, CallError, CircuitOpen, Executed
from crossply.handler import Handler, Layer, Request, Response, layer
from crossply.layers.retry import retry, safe_to_repeat
from crossply.telemetry.traceparent import FLAGS, SAMPLED_FLAGS
from crossply_policy.documents import RetryPolicy
from crossply_policy.protection import P95

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from crossply.clock import Chance, Clock
    from crossply.routing.budget import RetryBudget
    from crossply.routing.latencies import Latencies
    from crossply_policy.protection import HedgePolicy

_AT_ONCE = 2


@layer
def hedge(  # noqa: PLR0913 - all that a race goes by
    inner: Handler,
    policy: HedgePolicy,
    further: RetryPolicy | None,
    budget: RetryBudget,
    latencies: Latencies,
    idempotent: Callable[[Request], bool],
    now: Clock,
    chance: Chance,
    *,
    spans: tuple[Layer, Layer] | None = None,
) -> Handler:
    """Hedge idempotent calls, of which two attempts may run at once; others are tried again as ``further`` has it.

    A hedged call has the further attempts that ``further`` grants, one where there is none, and all of them come out
    of ``budget``. While nobody knows yet what attempts take, there is nothing to hedge by. Attempts of sampled calls
    go through the first of ``spans``, and those that join another through the second.
    """

    async def timing(request: Request) -> Response:
        began = now()
        try:
            response = await inner(request)
        except asyncio.CancelledError:
            latencies.at_least(now() - began)
            raise
        latencies.add(now() - began)
        return response

    first, second = (timing, timing) if spans is None else (each.wrap(timing) for each in spans)
    own = None if spans is None else spans[0]
    again = first if further is None else retry(further, budget, idempotent, now, chance, spans=own).wrap(timing)

    def hedging(request: Request) -> Awaitable[Response]:
        after = latencies.p95 if policy.after == P95 else policy.after
        if not isinstance(after, float) or not idempotent(request):
            return again(request)
        context = request.traceparent
        sampled = context is not None and context[FLAGS] in SAMPLED_FLAGS
        send = (first, second) if sampled else (timing, timing)
        return Race(request, send, after, further, budget, now, chance).run()

    return hedging


class Race:
    """The attempts of one hedged call: at most two at a time, the next one after a while or when one has failed."""

    def __init__(
        self,
        request: Request,
        send: tuple[Handler, Handler],
        after: float,
        further: RetryPolicy | None,
        budget: RetryBudget,
        now: Clock,
        chance: Chance,
    ) -> None:
        self._request = request
        self._send, self._join = send
        self._after = after
        self._policy = further or RetryPolicy(attempts=1)
        self._repeats = further is not None
        self._budget = budget
        self._now = now
        self._chance = chance
        # The layers below write into what they get: what a further attempt begins with is kept here.
        self._deadline, self._instance, self._tried = request.deadline, request.instance, request.tried
        self._traceparent = request.traceparent
        self._running: dict[asyncio.Task[Response], Request] = {}
        self._sent = 0
        self._due = -math.inf
        self._paid = False
        self._may_have_run = False

    async def run(self) -> Response:
        """Return the first answer; raise when an attempt failed for good, or the last one that may be made."""
        self._budget.deposit()
        try:
            while True:
                if self._now() >= self._due:
                    self._next()
                if (response := await self._ended()) is not None:
                    return response
        finally:
            # Of the call again, whatever its first attempt made of it.
            self._request.attempt, self._request.traceparent = self._sent, self._traceparent
            await self._give_up()

    def _next(self) -> None:
        """Send the next attempt, if the budget has it."""
        self._due = math.inf
        if self._sent and not self._paid and not self._budget.withdraw():
            return
        send = self._join if self._running and not self._paid else self._send
        self._paid = False
        self._sent += 1
        attempted = self._request if self._sent == 1 else self._request.fork(self._sent)
        attempted.deadline, attempted.instance = self._deadline, self._instance
        attempted.traceparent = self._traceparent
        attempted.tried = (*self._tried, *(each.instance for each in self._running.values() if each.instance))
        self._running[asyncio.ensure_future(_sending(send, attempted))] = attempted
        if len(self._running) < _AT_ONCE and self._sent <= self._policy.attempts:
            self._due = self._now() + self._after

    async def _ended(self) -> Response | None:
        """Wait until an attempt has ended or the next is due; return the answer if there is one."""
        left = None if self._due == math.inf else max(0.0, self._due - self._now())
        if not self._running:
            await asyncio.sleep(left or 0.0)
            return None
        done, _ = await asyncio.wait(self._running, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        failures = [each for each in done if each.exception() is not None]
        if len(failures) < len(done):
            return next(each.result() for each in done if each.exception() is None)
        for each in failures:
            self._failed(self._running.pop(each), each.exception())
        return None

    def _failed(self, attempted: Request, error: BaseException | None) -> None:
        """Have the next attempt follow, or wait for the one that still runs, or raise."""
        if not isinstance(error, CallError):
            raise error or AssertionError("unreachable: it is one that failed")
        if attempted.instance is not None:
            self._tried = (*self._tried, attempted.instance)
        if self._running and isinstance(error, Absent | CircuitOpen):
            return  # the one that still runs passed there, and may be the very attempt by which a breaker finds out
        repeatable = safe_to_repeat(error, self._policy, idempotent=True)
        if repeatable:
            self._follow(error)
        if not repeatable or not (self._running or self._paid):
            if (self._may_have_run or self._running) and error.executed is Executed.NO:
                error.executed = Executed.MAYBE  # of the call, not of its last attempt alone
            if self._sent > 1:
                error.add_note(f"attempt {self._sent} of at most {self._policy.attempts + 1}, hedged")
            raise error
        self._may_have_run = self._may_have_run or error.executed is not Executed.NO

    def _follow(self, error: CallError) -> None:
        """Have a further attempt follow a failure, after a pause, if there are any left."""
        if not self._repeats or self._paid or self._sent > self._policy.attempts:
            return
        jitter = self._policy.base * 2.0 ** (self._sent - 1) * self._chance.random()
        due = self._now() + jitter + (error.retry_after or 0.0)
        if due < self._deadline and self._budget.withdraw():
            self._due, self._paid = due, True

    async def _give_up(self) -> None:
        """End what still runs."""
        running, self._running = list(self._running), {}
        for each in running:
            each.cancel()
        if any(not each.done() for each in running):
            await asyncio.wait(running)
        for each in running:
            if not each.cancelled():
                each.exception()  # looked at, so that nobody calls it unseen


async def _sending(send: Handler, request: Request) -> Response:
    return await send(request)
