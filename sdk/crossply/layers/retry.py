"""Try again, when that is safe, in time, and within the budget."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.errors import Absent, CallError, CircuitOpen, Executed
from crossply.handler import Handler, Layer, Request, Response, layer
from crossply.telemetry.traceparent import FLAGS, SAMPLED_FLAGS
from crossply.wire.status import retryable

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Chance, Clock
    from crossply.routing.budget import RetryBudget
    from crossply_policy.documents import RetryPolicy


@layer
def retry(
    inner: Handler,
    policy: RetryPolicy,
    budget: RetryBudget,
    idempotent: Callable[[Request], bool],
    now: Clock,
    chance: Chance,
    *,
    spans: Layer | None = None,
) -> Handler:
    """Send up to ``policy.attempts`` further attempts, after pauses with full jitter and what the callee asks for.

    Those of sampled calls go through ``spans``, so that the others do not pay for it.
    """
    traced = inner if spans is None else spans.wrap(inner)

    async def retrying(request: Request) -> Response:
        budget.deposit()
        # The layers below write into what they get: what a further attempt begins with is kept here.
        deadline, instance, tried = request.deadline, request.instance, request.tried
        attempted, number, may_have_run = request, 1, False
        context = request.traceparent
        send = traced if context is not None and context[FLAGS] in SAMPLED_FLAGS else inner
        while True:
            try:
                return await send(attempted)
            except CallError as error:
                jitter = policy.base * 2.0 ** (number - 1) * chance.random()
                # On top of what the callee asks for, as it asks the same of all whom it refuses.
                pause = jitter + (error.retry_after or 0.0)
                if (
                    number > policy.attempts
                    or not safe_to_repeat(error, policy, idempotent=idempotent(request))
                    or now() + pause >= deadline
                    or not budget.withdraw()
                ):
                    if may_have_run and error.executed is Executed.NO:
                        error.executed = Executed.MAYBE  # of the call, not of its last attempt alone
                    if number > 1:
                        error.add_note(
                            f"attempt {number} of at most {policy.attempts + 1}, sent to {_place(attempted)}"
                        )
                    raise
                may_have_run = may_have_run or error.executed is not Executed.NO
            if attempted.instance is not None:
                tried = (*tried, attempted.instance)
            await asyncio.sleep(pause)
            number += 1
            attempted = request.fork(number)
            attempted.deadline, attempted.instance, attempted.tried = deadline, instance, tried
            request.attempt = number

    return retrying


def safe_to_repeat(error: CallError, policy: RetryPolicy, *, idempotent: bool) -> bool:
    """Whether a failed attempt may be followed by another: nothing ran, or running twice does no harm."""
    if isinstance(error, Absent | CircuitOpen):
        return False  # it was waited for already, or would be answered in the same way
    if error.executed is Executed.NO and retryable(error):
        return True
    return idempotent and str(error.code) in policy.on


def _place(request: Request) -> str:
    return request.instance or "the queue group"
