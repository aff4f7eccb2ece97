"""Events out: stored by JetStream before ``publish`` returns, the same bytes again until it has them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.errors import (
    DeadlineExceeded,
    EndpointFailed,
    Executed,
    IntegrityFailed,
    Origin,
    PayloadTooLarge,
    PermissionDenied,
    Unavailable,
)
from crossply.handler import JSON, Request, Response
from crossply.wire import subjects
from crossply.wire.denials import BROKER
from crossply.wire.jetstream import JetStreamFault, NotAllowed, decoded, raise_fault
from crossply.wire.link import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply.wire.jetstream import JetStream
    from crossply.wire.supervisor import Supervisor

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0
_ACK_WAIT = 5.0
_HEADERS = 128
"""More than the header block takes, which counts into the broker's limit."""


class Publisher:
    """Publishes events as ``pack`` writes them; ``on_missing(family)`` hears that no stream takes a family yet."""

    def __init__(
        self,
        broker: Supervisor,
        jetstream: JetStream,
        pack: Callable[[Request], bytes],
        now: Clock,
        on_missing: Callable[[str], None],
    ) -> None:
        self._broker = broker
        self._jetstream = jetstream
        self._pack = pack
        self._now = now
        self._on_missing = on_missing

    async def publish(self, request: Request) -> Response:
        """Return once the broker has stored the event; raise ``DeadlineExceeded`` when it has not by the deadline."""
        payload = self._pack(request)
        headers = {"Nats-Msg-Id": request.id.hex()}
        if len(payload) + _HEADERS > self._broker.max_payload:
            raise PayloadTooLarge(
                f"{request.operation}: event of {len(payload)} bytes is above the broker's limit of"
                f" {self._broker.max_payload}; send a reference to the data instead"
            )
        sent, pause, reason = 0, _FIRST_PAUSE, "not connected"
        while request.deadline > self._now():
            try:
                await self._broker.ready(request.operation, request.deadline)
            except Unavailable as error:
                if not sent:
                    raise
                reason = error.message
                break
            remaining = request.deadline - self._now()
            try:
                sent += 1
                answer, _ = await self._jetstream.message(
                    subjects.channel(request.operation),
                    payload,
                    headers=headers,
                    timeout=min(_ACK_WAIT, remaining),
                )
                return _acknowledged(request, answer, first=sent == 1)
            except NotAllowed as error:
                raise PermissionDenied(
                    f"{request.operation}: the broker does not let this service publish there:"
                    " no Access document allows it",
                    rule=BROKER,
                    origin=Origin.WIRE,
                ) from error
            except StoreUnavailable as error:
                reason = str(error)
                self._on_missing(request.service)
            await asyncio.sleep(min(pause, max(0.0, request.deadline - self._now())))
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise DeadlineExceeded(
            f"{request.operation}: the broker did not store the event in time ({reason});"
            " it may have been stored all the same: publish again with the same id, or let it be",
            executed=Executed.MAYBE if sent else Executed.NO,
            origin=Origin.WIRE,
        )


def _acknowledged(request: Request, raw: bytes, *, first: bool) -> Response:
    try:
        said = decoded(request.operation, raw)
        raise_fault(request.operation, said)
    except JetStreamFault as fault:
        if fault.code == 503:  # noqa: PLR2004 - no leader: the same bytes may go again
            raise StoreUnavailable(str(fault)) from fault
        raise EndpointFailed(
            f"{request.operation}: the stream refused the event: {fault}", executed=Executed.NO, origin=Origin.WIRE
        ) from fault
    if said.get("stream") != subjects.stream(request.service):
        raise StoreUnavailable("the answer is no ack of the channel's stream; somebody at the broker put it there")
    # An id of the caller's own choice is there to be used again; one that was made at random is not.
    if said.get("duplicate") and first and not request.idempotent:
        raise IntegrityFailed(
            f"{request.operation}: the stream knows the id of an event that was never sent before;"
            " somebody else may have used it",
            origin=Origin.WIRE,
        )
    return Response(raw, JSON)
