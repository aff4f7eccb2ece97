"""Calls in, sealed: opened before anything in them is believed, answered to whoever sealed them."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from crossply.errors import Unauthenticated
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.seal import layout, schedule
from crossply.seal.faults import Reason, SealFault
from crossply.seal.refusal import refusal
from crossply.wire import envelope, foreign, message, subjects
from crossply.wire import headers as header_block
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.message import Unreadable
from crossply.wire.sealed.forms import RequestReader
from crossply.wire.sealed.message import content, reply_block
from crossply.wire.sealed.writers import ReplyWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply.seal.credentials import Member
    from crossply.seal.holder import Holder
    from crossply.seal.opener import Unsealed
    from crossply.wire.forms import RequestForm
    from crossply.wire.sealed.lookup import CredentialLookup
    from crossply.wire.sealed.sealing import Sealing
    from crossply.wire.senders import Sender

    ReplyForms: TypeAlias = dict[Member | None, ReplyWriter]
    Answer: TypeAlias = Callable[[bytes, bytes, bytes], None]
    Again: TypeAlias = Callable[[bytes, bytes, bytes, float], None]

_FORMS: Final = 1024
_PAIR: Final = layout.begin(schedule.PAIR)
_CID: Final = slice(8, 16)
_KID: Final = slice(16, 24)
_MID: Final = slice(layout.SIZE - message.ID, layout.SIZE)


class SealedServer:
    """Opens requests and seals replies; ``answer(reply, payload, headers)`` sends.

    ``again(subject, reply, data, arrived)`` takes a message that waited until its sender was looked up. ``forget``
    drops the forms of requests: they were learned under keys that are not the newest any more.
    """

    def __init__(
        self,
        sealing: Sealing,
        sender: Sender,
        *,
        answer: Answer,
        again: Again,
        forget: Callable[[], None],
        now: Clock,
        lookup: CredentialLookup | None = None,
    ) -> None:
        self._sealing = sealing
        self._sender = sender
        self._answer = answer
        self._again = again
        self._forget = forget
        self._now = now
        self._lookup = lookup
        self._renewed_at = -math.inf
        sealing.keys.on_renewal(self._renewed)

    def _renewed(self, _own: Holder) -> None:
        self._renewed_at = self._now()
        self._forget()

    def takes(self, data: bytes) -> bool:
        """Whether a message is for ``open``: it is sealed, or nothing else may come in."""
        return data.startswith(_PAIR) or self._sealing.encryption == "strict"

    def open(
        self, forms: dict[bytes, RequestForm], operation: str, subject: bytes, reply: bytes, data: bytes, now: float
    ) -> Request | None:
        """Return the request or ping in a message; answer what cannot be opened, and return ``None``.

        The form of those like it is put into ``forms``. Raise ``Unreadable`` where only its fields are wrong.
        """
        if not data.startswith(_PAIR):
            self._refuse_unsealed(operation, reply, data)
            return None
        try:
            unsealed = self._sealing.opener.unseal_request(data, subject, reply)
        except SealFault as fault:
            missing = fault.reason is Reason.CREDENTIAL_MISSING
            if not (missing and self._set_aside(subject, reply, data, now)):
                self._refuse(operation, reply, data, fault, None)
            return None
        try:
            return self._read(forms, operation, subject, reply, unsealed, now)
        except SealFault as fault:
            self._refuse(operation, reply, data, fault, unsealed.member)
            return None

    def _set_aside(self, subject: bytes, reply: bytes, data: bytes, now: float) -> bool:
        """Have a request taken again once its sender has been looked up; return False where that is not done.

        Nothing of it is believed yet: what is not for a key of this instance, or for no inbox, is not asked about.
        """
        lookup, sealing = self._lookup, self._sealing
        if (
            lookup is None
            or not reply.startswith(subjects.INBOXES)
            or sealing.keys.ring.find(data[_KID], sealing.clock()) is None
        ):
            return False
        return lookup.set_aside(data[_CID], len(data), partial(self._again, subject, reply, data, now))

    def _read(
        self,
        forms: dict[bytes, RequestForm],
        operation: str,
        subject: bytes,
        reply: bytes,
        unsealed: Unsealed,
        now: float,
    ) -> Request:
        member, opener = unsealed.member, self._sealing.opener
        if self._sealing.addressed and not unsealed.strict:
            raise SealFault(Reason.MISDIRECTED, "message is sealed to the service; replay: strict takes none such")
        parts = layout.parts(unsealed.message)
        tlvs = parts.tlvs
        carried = tlvs[envelope.CREDENTIAL]
        if (
            tlvs[envelope.OPERATION] != operation.partition(".")[2].encode()
            or tlvs[envelope.REPLY_SUBJECT] != reply
            or (carried is not None and carried != member.raw)
        ):
            raise SealFault(Reason.MISDIRECTED, "message names another endpoint, reply subject or sender than it has")
        # What is sealed to another key than this instance's newest is by one who knows no other.
        introduced = carried is None and unsealed.message[_KID] == self._sealing.keys.own.kid
        try:
            request = message.unpack_request(parts, operation, member.peer, now)
        except EnvelopeFault as fault:
            asked = Request(operation, id=parts.mid, member=member, introduced=introduced)
            raise Unreadable(asked, fault) from fault
        request.member, request.introduced = member, introduced
        if RequestReader.fits(parts):
            form = RequestReader(opener, parts, unsealed, subject, operation, introduced=introduced)
            message.keep(forms, unsealed.message, form)
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

    def pack(self, forms: ReplyForms, request: Request, reply: bytes, response: Response) -> bytes:
        """Return a reply, sealed to the instance that asked; raise ``PayloadTooLarge``.

        The form of those like it is put into ``forms``.
        """
        introduction = self._introduction(request)
        form = None if introduction else forms.get(request.member)
        if form is not None:
            payload = form.seal(response, reply, request.id, self._sealing.clock())
            if payload is not None:
                return payload
        sender, kind = self._sender, Kind.RESPONSE if response.failure is None else Kind.ERROR
        block = reply_block(sender.content_type(response.content_type), request.id, introduction)
        sealed = content("reply", sender.reply_metadata(response), response.body, len(block))
        payload = self._seal(request, kind, reply, block, sealed)
        if not introduction:
            self._learn(forms, request, response)
        return payload

    def _learn(self, forms: ReplyForms, request: Request, response: Response) -> None:
        """Remember the form of a reply that went out."""
        member = request.member
        plain = response.metadata is None and response.status is None and response.headers is None
        if member is None or response.failure is not None or not plain:
            return
        session, said = self._sealing.sealer.session(member.recipient), self._sender.reply_metadata(response)
        if session is None:
            return
        if len(forms) >= _FORMS:
            forms.clear()
        forms[member] = ReplyWriter(session, response.content_type, response.facts, said)

    def pong(self, request: Request, reply: bytes, body: bytes) -> bytes:
        """Return the answer to a ping."""
        block = reply_block(b"", request.id, self._introduction(request))
        return self._seal(request, Kind.PONG, reply, block, content("pong", b"", body, len(block)))

    def _introduction(self, request: Request) -> bytes:
        # Who asked before the renewal knows the credential before.
        known = request.introduced and request.received > self._renewed_at
        return b"" if known else self._sealing.keys.own.credential

    def _seal(self, request: Request, kind: Kind, reply: bytes, block: bytes, sealed: bytes) -> bytes:
        member = request.member
        if member is None:
            raise ValueError(f"{request.operation}: was not sealed, and its reply is not")
        return self._sealing.sealer.seal_reply(member.recipient, kind, reply, new_id(), block, sealed)
