"""Events through one link: stored before ``publish`` returns, delivered until a handler has done them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from crossply.errors import DeadlineExceeded, Executed, IntegrityFailed, Origin, PayloadTooLarge, Unavailable
from crossply.handler import JSON, Request, Response
from crossply.testing.memory.events import Consumer, Member, Stored
from crossply.wire import message
from crossply.wire.envelope import EnvelopeFault

if TYPE_CHECKING:
    from crossply.handler import Handler
    from crossply.testing.memory.link import MemoryLink

_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 1.0
_MISSING_PAUSE = 0.5


class Subscribing:
    """The events of one link."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link

    async def publish(self, request: Request) -> Response:
        """Return once the stream has the event; raise ``DeadlineExceeded`` when it has not in time."""
        link = self._link
        payload = message.pack_event(link.sender, request)
        if len(payload) > link.broker.max_payload:
            raise PayloadTooLarge(
                f"{request.operation}: event of {len(payload)} bytes is above the broker's limit of"
                f" {link.broker.max_payload}; send a reference to the data instead"
            )
        sent, pause = 0, _FIRST_PAUSE
        while request.deadline > link.now():
            try:
                await link.ready(request.operation, request.deadline)
            except Unavailable:
                if not sent:
                    raise
                break
            await asyncio.sleep(0)
            sent += 1
            stored = link.broker.events.store(request.operation, request.id, payload)
            if stored is not None:
                return _acknowledged(request, *stored, first=sent == 1)
            link.missing(request.service)
            await asyncio.sleep(min(pause, max(0.0, request.deadline - link.now())))
            pause = min(pause * 2, _LONGEST_PAUSE)
        raise DeadlineExceeded(
            f"{request.operation}: the broker did not store the event in time (no stream takes this);"
            " it may have been stored all the same: publish again with the same id, or let it be",
            executed=Executed.MAYBE if sent else Executed.NO,
            origin=Origin.WIRE,
        )

    def subscribe(self, pattern: str, handler: Handler, concurrency: int) -> Subscription:
        """Take part in the service's consumer of a pattern, as soon as there is one."""
        return Subscription(self._link, pattern, Member(self._link, _Delivering(self._link, handler), concurrency))


class Subscription:
    """One instance's part in the consumption of a channel pattern."""

    def __init__(self, link: MemoryLink, pattern: str, member: Member) -> None:
        self._link = link
        self._pattern = pattern
        self._member = member
        self._consumer: Consumer | None = None
        self._joining = link.tasks.spawn(self._join(), f"subscribe {pattern}")

    async def _join(self) -> None:
        events, service = self._link.broker.events, self._link.service
        while (consumer := events.consumer(service, self._pattern)) is None:
            self._link.missing(None)
            await asyncio.sleep(_MISSING_PAUSE)
        self._consumer = consumer
        consumer.join(self._member)

    async def aclose(self) -> None:
        """Take nothing more; return when the handlers that run have ended."""
        self._joining.cancel()
        await asyncio.gather(self._joining, return_exceptions=True)
        if self._consumer is not None:
            await self._consumer.leave(self._member)


class _Delivering:
    """Turns a stored event into a request for a handler."""

    def __init__(self, link: MemoryLink, handler: Handler) -> None:
        self._link = link
        self._handler = handler

    async def __call__(self, event: Stored) -> Response | None:
        """Return the handler's response, ``None`` for what is no event of this protocol."""
        link = self._link
        try:
            request = message.open_event(event.raw, event.channel, link.senders, link.now())
        except EnvelopeFault as fault:
            link.fault(f"{event.channel}: event refused", fault)
            return None
        request.delivery, request.sequence = event.delivery, event.sequence
        return await self._handler(request)


def _acknowledged(request: Request, sequence: int, duplicate: bool, *, first: bool) -> Response:  # noqa: FBT001
    if duplicate and first and not request.idempotent:
        raise IntegrityFailed(
            f"{request.operation}: the stream knows the id of an event that was never sent before;"
            " somebody else may have used it",
            origin=Origin.WIRE,
        )
    said = {"stream": f"memory {request.service}", "seq": sequence, "duplicate": duplicate}
    return Response(msgspec.json.encode(said), JSON)
