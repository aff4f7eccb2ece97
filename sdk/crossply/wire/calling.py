"""Calls out: one attempt, one reply, by the deadline; the terminal handler of the outbound stack."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NoReturn

from crossply.errors import (
    CallError,
    DeadlineExceeded,
    Executed,
    NoResponders,
    NotConnected,
    Origin,
    PayloadTooLarge,
    Unauthenticated,
)
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.seal.refusal import is_refusal
from crossply.wire import message, metadata, subjects
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.forms import KEY, TRACEPARENT, RequestWriter
from crossply.wire.link import Pong
from crossply.wire.message import CredentialNeeded
from crossply.wire.place import Place

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.wire.mux import Attempt, Mux
    from crossply.wire.senders import Sender, Senders
    from crossply.wire.supervisor import Supervisor

_PLACES, _CONTENT_TYPES = 8192, 16


class Caller:
    """Sends attempts and waits for their replies in the mux."""

    def __init__(self, broker: Supervisor, mux: Mux, sender: Sender, senders: Senders, now: Clock) -> None:
        self._broker = broker
        self._mux = mux
        self._sender = sender
        self._senders = senders
        self._now = now
        self._places: dict[tuple[str, str | None], Place] = {}

    async def call(self, request: Request) -> Response:
        """Send one attempt and return its reply."""
        broker, operation, instance = self._broker, request.operation, request.instance
        connection = broker.current
        if connection is None or connection.full or not connection.open:
            await broker.ready(operation, request.deadline)
        place = self._places.get((operation, instance)) or self._place(request)
        token, attempt = self._send(request, place, operation, instance)
        try:
            reply, _ = await attempt.reply
        except BaseException:
            self._mux.close(token, attempt)
            raise
        form = place.replies.get(reply[:KEY])
        if form is not None and (response := form.open(reply, request.id)) is not None:
            return response
        try:
            return message.open_response(reply, request, self._senders, place)
        except CredentialNeeded:
            place.forgotten()
            return await self._introduced(request, place)
        except EnvelopeFault as fault:
            raise _untrusted(operation, reply, request.id, fault) from fault

    async def _introduced(self, request: Request, place: Place) -> Response:
        """Send an attempt once more, with this instance's credential; that it did not run has been said."""
        token, attempt = self._send(request, place, request.operation, request.instance, known=False)
        try:
            reply, _ = await attempt.reply
        except BaseException:
            self._mux.close(token, attempt)
            raise
        try:
            return message.open_response(reply, request, self._senders, place)
        except EnvelopeFault as fault:
            raise _untrusted(request.operation, reply, request.id, fault) from fault

    def _send(
        self, request: Request, place: Place, operation: str, pinged: str | None, *, known: bool = True
    ) -> tuple[bytes, Attempt]:
        """Send a request now; ``pinged`` is the instance to ask after it when it takes long.

        Unless it is ``known`` who sends, the request says so itself.
        """
        connection, mux, now = self._broker.current, self._mux, self._now()
        deadline = request.deadline
        if deadline <= now:
            raise late(operation)
        if connection is None:
            raise unconnected(operation)
        first = known and request.attempt == 1
        token, attempt = mux.open(operation, pinged, now, deadline, request.id, first=first)
        try:
            inbox = mux.prefix + token
            payload = (self._packed(request, place, now) if known else None) or message.pack_request(
                self._sender, request, now=now
            )
            if len(payload) > connection.max_payload:
                refuse_size(operation, len(payload), connection.max_payload)
            connection.send(place.subject, payload, inbox)
        except BaseException:
            mux.close(token, attempt)
            raise
        return token, attempt

    def _packed(self, request: Request, place: Place, now: float) -> bytes | None:
        """Return the wire form of a request that fits a form of its place; ``None`` for any other."""
        parent = request.traceparent
        if parent is None or request.tracestate is not None or request.schema is not None:
            return None
        form = place.requests.get(request.content_type) or self._form(request, place)
        trace, said, body = parent.encode(), metadata.pack_request(request), request.body
        if len(trace) != TRACEPARENT or form.tlvs + len(said) > message.MAX_HEAD or len(body) > message.MAX_BODY:
            return None
        sender = self._sender
        sequence = sender.sequence
        sender.sequence = sequence + 1
        ttl = message.time_to_live(request.deadline - now)
        head = form.head(request, trace, sequence, time.time_ns() // 1_000_000, ttl, len(said))
        return head + said + body

    def _form(self, request: Request, place: Place) -> RequestWriter:
        if len(place.requests) >= _CONTENT_TYPES:
            place.requests.clear()
        sender = self._sender
        content_type, operation = sender.names(request)
        credential = sender.credential if place.callee is None else b""
        form = RequestWriter(sender.cid, content_type, operation, credential)
        place.requests[request.content_type] = form
        return form

    def _place(self, request: Request) -> Place:
        if len(self._places) >= _PLACES:
            self._places.clear()
        service, endpoint = request.service, request.endpoint
        subject = (
            subjects.any_instance(service, endpoint)
            if request.instance is None
            else subjects.one_instance(service, request.instance, endpoint)
        )
        place = self._places[request.operation, request.instance] = Place(subject.encode())
        return place

    async def ping(self, operation: str, instance: str, timeout: float) -> Pong:
        """Ask an instance, on the subject its attempts go to, whether it lives and works on them.

        Attempts that it does not work on were lost on their way, or their replies were: they end as disconnected.
        """
        if not self._broker.connected:
            return Pong.SILENT
        request = Request(operation, kind=Kind.PING, id=new_id(), instance=instance, deadline=self._now() + timeout)
        request.body = self._mux.questions(request.service, instance)
        # It is no attempt: it is not pinged about in its turn.
        try:
            place = self._places.get((operation, instance)) or self._place(request)
            token, attempt = self._send(request, place, f"ping {operation}", None)
        except CallError:
            return Pong.SILENT
        try:
            reply, _ = await attempt.reply
            self._mux.lose(message.open_pong(reply, request, self._senders), instance)
        except NoResponders:
            return Pong.GONE
        except (CallError, EnvelopeFault):
            return Pong.SILENT
        finally:
            self._mux.close(token, attempt)
        return Pong.ALIVE


def _untrusted(operation: str, reply: bytes, asked: bytes, fault: EnvelopeFault) -> CallError:
    if is_refusal(reply, asked):
        return refused(operation, "messages that are not sealed are not taken there")
    return message.integrity(operation, fault)


def refused(operation: str, why: str) -> Unauthenticated:
    """Return the error of a request that the other side says it could not open; nobody vouches for its saying so."""
    return Unauthenticated(f"{operation}: {why}", executed=Executed.MAYBE, origin=Origin.WIRE)


def late(operation: str) -> DeadlineExceeded:
    """Return the error of a request whose time is over before it is sent."""
    return DeadlineExceeded(
        f"{operation}: deadline passed before the request was sent", executed=Executed.NO, origin=Origin.LOCAL
    )


def unconnected(operation: str) -> NotConnected:
    """Return the error of a request that no connection can take."""
    return NotConnected(f"{operation}: not connected to the broker", origin=Origin.WIRE)


def refuse_size(operation: str, size: int, limit: int) -> NoReturn:
    """Raise the error of a message that the broker would not take."""
    raise PayloadTooLarge(
        f"{operation}: message of {size} bytes is above the broker's limit of {limit};"
        " raise its max_payload or send less"
    )
