"""Fail or hold back a share of the attempts on purpose: an experiment on what the callers do then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.errors import CallError, Code, DeadlineExceeded, Executed
from crossply.handler import Handler, Request, Response, layer
from crossply.wire.status import STATUSES

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crossply.clock import Chance, Clock
    from crossply_policy.traffic import FaultPolicy


@layer
def fault(inner: Handler, policy: FaultPolicy, now: Clock, chance: Chance) -> Handler:
    """Hold back first, then fail; the error names the document, and says that nothing ran."""
    delay, abort = policy.delay, policy.abort
    held = 0.0 if delay is None else delay.percentage / 100.0
    failed = 0.0 if abort is None else abort.percentage / 100.0
    duration = 0.0 if delay is None else delay.duration
    code = Code.OK if abort is None else Code(abort.code)

    def disturbing(request: Request) -> Awaitable[Response]:
        return delaying(request) if held and chance.random() < held else failing(request)

    async def delaying(request: Request) -> Response:
        await _held_back(request, duration, policy.document, now)
        return await failing(request)

    def failing(request: Request) -> Awaitable[Response]:
        if failed and chance.random() < failed:
            raise injected(code, f"{request.operation}: {policy.document} makes it fail", policy.document)
        return inner(request)

    return disturbing


async def _held_back(request: Request, duration: float, document: str, now: Clock) -> None:
    left = request.deadline - now()
    await asyncio.sleep(max(0.0, min(duration, left)))
    if duration >= left:
        raise DeadlineExceeded(
            f"{request.operation}: {document} held it back until its deadline", executed=Executed.NO, rule=document
        )


def injected(code: Code, message: str, document: str) -> CallError:
    """Return the error of a code; ``rule`` is the document."""
    return STATUSES[code].error(message, code=code, executed=Executed.NO, rule=document)
