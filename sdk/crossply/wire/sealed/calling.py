"""Calls out, sealed: to the instance addressed, or to its service; what goes unsealed, the plain caller sends."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from crossply.errors import CallError, IntegrityFailed, NoResponders, Origin
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.seal import layout
from crossply.seal.faults import Reason, SealFault
from crossply.wire import envelope, message, subjects
from crossply.wire.calling import late, refuse_size, refused, unconnected
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.link import Pong
from crossply.wire.sealed.forms import KEY, ReplyReader
from crossply.wire.sealed.message import request_block, request_content
from crossply.wire.sealed.writers import RequestWriter

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.seal.credentials import Recipient
    from crossply.seal.opener import Unsealed
    from crossply.wire.calling import Caller
    from crossply.wire.mux import Attempt, Mux
    from crossply.wire.sealed.lookup import CredentialLookup
    from crossply.wire.sealed.sealing import Sealing
    from crossply.wire.senders import Sender, Senders
    from crossply.wire.supervisor import Supervisor

_CID: Final = slice(8, 16)
_PLACES: Final = 8192
_FORMS: Final = 64


class Place(NamedTuple):
    """Where attempts of one operation go, who opens them, and the forms of what goes and of what comes back."""

    subject: bytes
    to: Recipient
    requests: dict[str, RequestWriter]
    replies: dict[bytes, ReplyReader]


_Address: TypeAlias = tuple[str, str | None]


class SealedCaller:
    """Sends attempts to those who can open them; ``plain`` sends what policy has go unsealed."""

    def __init__(
        self,
        sealing: Sealing,
        plain: Caller,
        *,
        broker: Supervisor,
        mux: Mux,
        sender: Sender,
        senders: Senders,
        now: Clock,
        lookup: CredentialLookup | None = None,
    ) -> None:
        self._sealing = sealing
        self._broker = broker
        self._plain = plain
        self._mux = mux
        self._sender = sender
        self._senders = senders
        self._now = now
        self._lookup = lookup
        self._places: dict[_Address, Place] = {}
        sealing.on_change(self._places.clear)

    async def call(self, request: Request, *, again: bool = False) -> Response:
        """Send one attempt and return its reply; ``again``, as it was refused."""
        place = self._places.get((request.operation, request.instance)) or self._place(request)
        if place is None:
            return await self._plain.call(request)
        connection = self._broker.current
        if connection is None or connection.full or not connection.open:
            await self._broker.ready(request.operation, request.deadline)
        token, attempt, introduction = self._send(request, place, request.operation, request.instance, again=again)
        try:
            reply, _ = await attempt.reply
        except BaseException:
            self._mux.close(token, attempt)
            raise
        form = None if introduction else place.replies.get(reply[:KEY])
        found = None if form is None else form.open(reply, self._mux.prefix + token, request.id)
        if isinstance(found, Response):
            return found
        if found is None:
            try:
                found = self._unsealed(request, place.to, token, introduction, reply)
            except SealFault as fault:
                found = await self._looked_up(request, place.to, token, introduction, reply, fault)
            if found is None:
                return await self.call(request, again=True)
        return self._read(request, place, found)

    def _send(
        self, request: Request, place: Place, what: str, pinged: str | None, *, again: bool
    ) -> tuple[bytes, Attempt, bytes]:
        """Send a request; ``pinged`` is whom to ask after it. Return with the token what it introduced itself by.

        One that is sent ``again`` was refused, and the refusal may come twice: its token is not another's before.
        """
        connection, mux, now = self._broker.current, self._mux, self._now()
        deadline, introduction = request.deadline, b""
        if deadline <= now:
            raise late(what)
        if connection is None:
            raise unconnected(what)
        first = request.attempt == 1 and not again
        token, attempt = mux.open(what, pinged, now, deadline, request.id, first=first)
        try:
            ttl, reply = message.time_to_live(deadline - now), mux.prefix + token
            form = place.requests.get(request.content_type)
            payload = None if form is None else form.seal(request, token, self._sealing.clock(), ttl)
            if payload is None:
                introduction = self._sealing.sealer.introduction(place.to)
                payload = self._packed(request, place, introduction, reply, ttl)
                self._learn(request, place, token)
            if len(payload) > connection.max_payload:
                refuse_size(what, len(payload), connection.max_payload)
            connection.send(place.subject, payload, reply)
        except BaseException:
            mux.close(token, attempt)
            raise
        return token, attempt, introduction

    def _packed(self, request: Request, place: Place, introduction: bytes, reply: bytes, ttl: int) -> bytes:
        block = request_block(self._sender, request, introduction, reply)
        sealed = request_content(request, len(block))
        return self._sealing.sealer.seal_request(place.to, request.kind, place.subject, ttl, request.id, block, sealed)

    def _learn(self, request: Request, place: Place, token: bytes) -> None:
        """Remember the form of a request that went out without an introduction."""
        session = self._sealing.sealer.session(place.to)
        if session is None or not session.introduced or not place.to.instance or not RequestWriter.fits(request):
            return
        if len(place.requests) >= _FORMS:
            place.requests.clear()
        names, prefix = self._sender.names(request), self._mux.prefix
        place.requests[request.content_type] = RequestWriter(session, names, place.subject, prefix, len(token))

    def _unsealed(
        self, request: Request, to: Recipient, token: bytes, introduction: bytes, reply: bytes
    ) -> Unsealed | None:
        """Return the reply to a request, ``None`` where that is to be sent again; raise ``SealFault``."""
        sealing = self._sealing
        try:
            unsealed = sealing.opener.unseal_reply(reply, self._mux.prefix + token, to, request.id)
        except SealFault as fault:
            sealing.sealer.forgotten(to)
            # A refusal may be forged: only what may run twice is sent again, with the credential this time.
            twice = request.idempotent or request.kind is Kind.PING
            if fault.reason is not Reason.REFUSED or introduction or not twice:
                raise
            return None
        if introduction:
            sealing.sealer.introduced(to)
        return unsealed

    async def _looked_up(
        self, request: Request, to: Recipient, token: bytes, introduction: bytes, reply: bytes, fault: SealFault
    ) -> Unsealed | None:
        """Return the reply of who is not known here any more, once looked up; raise the error of any other fault."""
        if self._lookup is not None and fault.reason is Reason.CREDENTIAL_MISSING:
            with suppress(TimeoutError):
                # The call ran: what is lost now is its outcome.
                await asyncio.wait_for(self._lookup.find(reply[_CID]), request.deadline - self._now())
            try:
                return self._unsealed(request, to, token, introduction, reply)
            except SealFault as again:
                fault = again
        raise self._refused(request, fault) from fault

    def _read(self, request: Request, place: Place, unsealed: Unsealed) -> Response:
        try:
            parts = _parts(unsealed, request.id)
            response = message.response_of(parts, request, unsealed.member.peer, self._senders)
        except EnvelopeFault as fault:
            raise self._refused(request, fault) from fault
        if ReplyReader.fits(parts, response):
            if len(place.replies) >= _FORMS:
                place.replies.clear()
            form = ReplyReader(self._sealing.opener, parts, response, unsealed)
            place.replies[unsealed.message[:KEY]] = form
        return response

    def _refused(self, request: Request, fault: EnvelopeFault) -> CallError:
        self._sealing.tell(request.operation, fault)
        if isinstance(fault, SealFault) and fault.reason is Reason.REFUSED:
            return refused(request.operation, str(fault))
        return IntegrityFailed(f"{request.operation}: {fault}", origin=Origin.WIRE)

    def _place(self, request: Request) -> Place | None:
        service, instance = request.service, request.instance
        to = self._sealing.recipient(service, instance)
        if to is None:
            return None
        if instance is None:
            # Its key is that of the epoch: it is asked for each time.
            return Place(subjects.any_instance(service, request.endpoint).encode(), to, {}, {})
        if len(self._places) >= _PLACES:
            self._places.clear()
        subject = subjects.one_instance(service, instance, request.endpoint).encode()
        place = self._places[request.operation, instance] = Place(subject, to, {}, {})
        return place

    async def ping(self, operation: str, instance: str, timeout: float) -> Pong:
        """Ask an instance, as ``Caller.ping`` does, by a message that is sealed as its attempts are."""
        if not self._broker.connected:
            return Pong.SILENT
        request = Request(operation, kind=Kind.PING, id=new_id(), instance=instance, deadline=self._now() + timeout)
        request.body = self._mux.questions(request.service, instance)
        try:
            place = self._places.get((operation, instance)) or self._place(request)
        except CallError:
            return Pong.SILENT
        if place is None:
            return await self._plain.ping(operation, instance, timeout)
        try:
            return await self._ping(request, place, instance)
        except CallError:
            return Pong.SILENT

    async def _ping(self, request: Request, place: Place, instance: str, *, again: bool = False) -> Pong:
        # It is no attempt: it is not pinged about in its turn.
        token, attempt, introduction = self._send(request, place, f"ping {request.operation}", None, again=again)
        try:
            reply, _ = await attempt.reply
            unsealed = self._unsealed(request, place.to, token, introduction, reply)
            if unsealed is None:
                return await self._ping(request, place, instance, again=True)
            parts = _parts(unsealed, request.id)
        except NoResponders:
            return Pong.GONE
        except SealFault as fault:
            self._sealing.tell(request.operation, fault)
            return Pong.SILENT
        except CallError:
            return Pong.SILENT
        finally:
            self._mux.close(token, attempt)
        if parts.kind is not Kind.PONG:
            return Pong.SILENT
        self._mux.lose(message.ids_in(parts.body), instance)
        return Pong.ALIVE


def _parts(unsealed: Unsealed, asked: bytes) -> envelope.Parts:
    """Return what a reply says; raise ``EnvelopeFault`` unless it answers the message of the id ``asked``."""
    parts = layout.parts(unsealed.message)
    carried = parts.tlvs[envelope.CREDENTIAL]
    if parts.tlvs[envelope.IN_REPLY_TO] != asked or (carried is not None and carried != unsealed.member.raw):
        raise SealFault(Reason.MISDIRECTED, "reply answers another message, or carries another's credential")
    return parts
