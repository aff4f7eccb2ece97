"""Refuse early what could not be served well: while draining, above the limit, and what would be answered too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import CallError, DeadlineExceeded, Executed
from crossply.handler import Handler, Request, Response, layer

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.protection.admission import Admission


@layer
def admit(inner: Handler, admission: Admission, operation: str, now: Clock, *, prompt: bool = False) -> Handler:
    """Let a request in, and count it until its response is done; go by the policy in force when it is composed.

    Of a ``prompt`` endpoint one call runs at a time, so that there is nothing to learn from how long it takes.
    """
    if admission.policy.adaptive and not prompt:
        return _adaptive(inner, admission, operation, now)
    return _static(inner, admission)


def _static(inner: Handler, admission: Admission) -> Handler:
    leave = admission.leave

    async def admitting(request: Request) -> Response:
        if admission.draining or admission.in_flight >= admission.limit:
            admission.refuse_static(request)
        admission.in_flight += 1
        try:
            response = await inner(request)
        except BaseException:
            leave()
            raise
        response.when_done(leave)
        return response

    return admitting


def _adaptive(inner: Handler, admission: Admission, operation: str, now: Clock) -> Handler:
    leave, concurrency = admission.leave, admission.concurrency
    usual = concurrency.usual(operation)

    async def admitting(request: Request) -> Response:
        if admission.draining or admission.in_flight >= concurrency.limit:
            await admission.wait(request)
        else:
            admission.in_flight += 1
        began = now()
        try:
            response = await inner(request)
        except BaseException as error:
            moment = now()
            # What was refused further in says nothing of how long the endpoint takes.
            if not isinstance(error, CallError):
                concurrency.answered(usual, moment - began, admission.in_flight, moment)
            elif error.executed is not Executed.NO:
                if isinstance(error, DeadlineExceeded):
                    concurrency.late(admission.in_flight, moment)
                else:
                    concurrency.answered(usual, moment - began, admission.in_flight, moment)
            leave()
            raise
        moment = now()
        concurrency.answered(usual, moment - began, admission.in_flight, moment)
        response.when_done(leave)
        return response

    return admitting
