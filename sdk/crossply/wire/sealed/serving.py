"""Calls in, sealed: opened before anything in them is believed, answered to whoever sealed them."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from crossply.errors import InvalidArgument, Unauthenticated
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.seal import layout, schedule
from crossply.seal.faults import Reason, SealFault
from crossply.seal.refusal import refusal
from crossply.wire import envelope, foreign, message, subjects
from crossply.wire import headers as header_block
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.sealed.forms import KEY, RequestReader
from crossply.wire.sealed.message import content, reply_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply.seal.credentials import Member
    from crossply.seal.holder import Holder
    from crossply.seal.opener import Unsealed
    from crossply.wire.sealed.sealing import Sealing
    from crossply.wire.senders import Sender

_FORMS: Final = 1024
_PAIR: Final = layout.begin(schedule.PAIR)
_KID: Final = slice(16, 24)
_MID: Final = slice(layout.SIZE - message.ID, layout.SIZE)


class SealedServer:
    """Opens requests and seals replies; ``answer(reply, payload, headers)`` sends."""

    def __init__(
        self, sealing: Sealing, sender: Sender, answer: Callable[[bytes, bytes, bytes], None], now: Clock
    ) -> None:
        self._sealing = sealing
        self._sender = sender
        self._answer = answer
        self._now = now
        self._renewed_at = -math.inf
        sealing.keys.on_renewal(self._renewed)

    def _renewed(self, _own: Holder) -> None:
        self._renewed_at = self._now()

    def takes(self, data: bytes) -> bool:
        """Whether a message is for ``open``: it is sealed, or nothing else may come in."""
        return data.startswith(_PAIR) or self._sealing.encryption == "strict"

    def open(
        self, forms: dict[bytes, RequestReader], operation: str, subject: bytes, reply: bytes, data: bytes, now: float
    ) -> Request | None:
        """Return the request or ping in a message; answer what cannot be opened, and return ``None``."""
        if not data.startswith(_PAIR):
            self._refuse_unsealed(operation, reply, data)
            return None
        try:
            unsealed = self._sealing.opener.unseal_request(data, subject, reply)
        except SealFault as fault:
            self._refuse(operation, reply, data, fault, None)
            return None
        if self._sealing.addressed and not unsealed.strict:
            why = "message is sealed to the service; replay: strict takes none such"
            self._refuse(operation, reply, data, SealFault(Reason.MISDIRECTED, why), unsealed.member)
            return None
        form = forms.get(unsealed.message[:KEY])
        if form is not None and form.member is unsealed.member:
            request = form.open(unsealed.message, reply, now)
            if request is not None:
                return self._met(request, data)
        try:
            return self._met(self._read(forms, operation, reply, unsealed, now), data)
        except EnvelopeFault as fault:
            self._refuse(operation, reply, data, fault, unsealed.member)
            return None

    def _met(self, request: Request | None, data: bytes) -> Request | None:
        """Note when a request was sealed to another key than this instance's newest: its sender knows no other."""
        if request is not None and data[_KID] != self._sealing.keys.own.kid:
            request.introduced = False
        return request

    def _read(
        self, forms: dict[bytes, RequestReader], operation: str, reply: bytes, unsealed: Unsealed, now: float
    ) -> Request | None:
        member = unsealed.member
        parts = layout.parts(unsealed.message)
        tlvs = parts.tlvs
        carried = tlvs[envelope.CREDENTIAL]
        if (
            tlvs[envelope.OPERATION] != operation.partition(".")[2].encode()
            or tlvs[envelope.REPLY_SUBJECT] != reply
            or (carried is not None and carried != member.raw)
        ):
            raise SealFault(Reason.MISDIRECTED, "message names another endpoint, reply subject or sender than it has")
        try:
            request = message.unpack_request(parts, operation, member.peer, now)
        except EnvelopeFault as fault:
            # Who sent it is known, so it is told.
            told = Request(operation, id=parts.mid, member=member, introduced=carried is None)
            failed = Response(failure=InvalidArgument(f"{operation}: {fault}"))
            self._answer(reply, self.pack(told, reply, failed), b"")
            return None
        request.member, request.introduced = member, carried is None
        if RequestReader.fits(parts, reply):
            if len(forms) >= _FORMS:
                forms.clear()
            forms[unsealed.message[:KEY]] = RequestReader(parts, reply, operation, member)
        return request

    def _refuse(self, operation: str, reply: bytes, data: bytes, fault: EnvelopeFault, member: Member | None) -> None:
        """Answer the same for every reason; the reason is this side's own."""
        self._sealing.tell(operation, fault, member)
        if isinstance(fault, SealFault) and fault.reason is Reason.REPLAYED:
            # What it repeats is answered: a refusal would come to the same inbox, and maybe sooner.
            return
        mid = data[_MID]
        if len(mid) == message.ID and reply.startswith(subjects.INBOXES):
            self._answer(reply, refusal(mid), b"")

    def _refuse_unsealed(self, operation: str, reply: bytes, data: bytes) -> None:
        why = f"{operation}: messages that are not sealed are not taken here (encryption: strict)"
        self._sealing.tell(operation, SealFault(Reason.UNSUPPORTED, why))
        if not reply.startswith(subjects.INBOXES):
            return
        if envelope.is_envelope(data):
            with suppress(EnvelopeFault):
                self._answer(reply, refusal(envelope.parts(data).mid), b"")
            return
        payload, headers = foreign.reply(Response(failure=Unauthenticated(why)))
        self._answer(reply, payload, header_block.pack(headers))

    def pack(self, request: Request, reply: bytes, response: Response) -> bytes:
        """Return a reply, sealed to the instance that asked; raise ``PayloadTooLarge``."""
        sender, kind = self._sender, Kind.RESPONSE if response.failure is None else Kind.ERROR
        block = reply_block(sender.content_type(response.content_type), request.id, self._introduction(request))
        sealed = content("reply", sender.reply_metadata(response), response.body, block)
        return self._seal(request, kind, reply, block, sealed)

    def pong(self, request: Request, reply: bytes, body: bytes) -> bytes:
        """Return the answer to a ping."""
        block = reply_block(b"", request.id, self._introduction(request))
        return self._seal(request, Kind.PONG, reply, block, content("pong", b"", body, block))

    def _introduction(self, request: Request) -> bytes:
        # Who asked before the renewal knows the credential before.
        known = request.introduced and request.received > self._renewed_at
        return b"" if known else self._sealing.keys.own.credential

    def _seal(self, request: Request, kind: Kind, reply: bytes, block: bytes, sealed: bytes) -> bytes:
        member = request.member
        if member is None:
            raise ValueError(f"{request.operation}: was not sealed, and its reply is not")
        return self._sealing.sealer.seal_reply(member.recipient, kind, reply, new_id(), block, sealed)
