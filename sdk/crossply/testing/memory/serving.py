"""Calls into one link: from bytes to a request, through the handler, to a reply."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import CallError, EndpointFailed, InvalidArgument, NotFound, PayloadTooLarge, Unavailable
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.wire import envelope, message
from crossply.wire.envelope import EnvelopeFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.handler import Handler
    from crossply.testing.memory.link import MemoryLink


class Serving:
    """The endpoints that one link serves."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link
        self._handlers: dict[str, Handler] = {}
        self._grouped: set[str] = set()

    @property
    def any(self) -> bool:
        """Whether what addresses this instance reaches it."""
        return bool(self._handlers)

    def takes(self, endpoint: str) -> bool:
        """Whether it is in the queue group of an endpoint."""
        return endpoint in self._grouped

    def serve(self, endpoint: str, handler: Handler) -> Served:
        """Join the queue group of an endpoint."""
        self._handlers[endpoint] = handler
        self._grouped.add(endpoint)
        return Served(self, endpoint)

    def end(self, endpoint: str) -> None:
        """Leave the queue group of an endpoint."""
        self._grouped.discard(endpoint)

    def clear(self) -> None:
        """Leave all queue groups, and what addresses this instance."""
        self._grouped.clear()
        self._handlers.clear()

    def take(self, endpoint: str, payload: bytes, reply: Callable[[bytes], None]) -> None:
        """Answer a ping at once, a request when its handler has."""
        link = self._link
        operation, received = f"{link.service}.{endpoint}", link.now()
        try:
            parts = envelope.parts(payload)
            if parts.tlvs[envelope.OPERATION] != endpoint.encode():
                raise EnvelopeFault("message names another endpoint than its subject")  # noqa: TRY301 - as on the wire
            peer = link.senders.of(parts.cid, parts.tlvs[envelope.CREDENTIAL]).peer
        except EnvelopeFault as fault:
            link.fault(f"{operation}: message refused", fault)
            return
        try:
            request = message.unpack_request(parts, operation, peer, received)
        except EnvelopeFault as fault:
            refused = Response(failure=InvalidArgument(f"{operation}: {fault}"))
            self._reply(reply, message.pack_response(link.sender, parts.mid, refused, new_id()))
            return
        if request.kind is Kind.PING:
            pong = link.sender.stamp(Kind.PONG, new_id(), 0)
            pong.tlvs[envelope.IN_REPLY_TO] = request.id
            self._reply(reply, envelope.pack(pong))
        elif request.kind is Kind.REQUEST:
            link.tasks.spawn(self._answer(endpoint, request, reply), operation)

    async def _answer(self, endpoint: str, request: Request, reply: Callable[[bytes], None]) -> None:
        handler = self._handlers.get(endpoint)
        if handler is None:
            what = "no such endpoint at this instance" if self._handlers else "this instance has left"
            kind = NotFound if self._handlers else Unavailable
            response = Response(failure=kind(f"{request.operation}: {what}"))
        else:
            response = await handler(request)
        self._reply(reply, self._packed(request, response))

    def _packed(self, request: Request, response: Response) -> bytes:
        sender, most = self._link.sender, self._link.broker.max_payload
        try:
            packed = message.pack_response(sender, request.id, response, new_id())
            if len(packed) > most:
                raise PayloadTooLarge(f"{len(packed)} bytes are above the broker's limit of {most}")
        except CallError as error:
            failure = EndpointFailed(
                f"{request.operation}: it ran, but its reply could not be sent: {error.message}",
                code=error.code,
            )
            return message.pack_response(sender, request.id, Response(failure=failure), new_id())
        return packed

    def _reply(self, reply: Callable[[bytes], None], raw: bytes) -> None:
        if self._link.connected:
            reply(raw)


class Served:
    """One served endpoint."""

    def __init__(self, serving: Serving, endpoint: str) -> None:
        self._serving = serving
        self._endpoint = endpoint

    async def aclose(self) -> None:
        """Take nothing new; calls that were taken go on."""
        self._serving.end(self._endpoint)
