"""Calls out: one attempt, one reply, by the deadline; the terminal handler of the outbound stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import CallError, DeadlineExceeded, Executed, NoResponders, Origin, PayloadTooLarge
from crossply.handler import Kind, Request, Response
from crossply.names import new_id
from crossply.wire import message, subjects
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.link import Pong

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.wire.mux import Attempt, Mux
    from crossply.wire.senders import Sender, Senders
    from crossply.wire.supervisor import Supervisor

_SUBJECTS = 8192
_SLOW = 0.1
"""Seconds after which an attempt is asked about; the vigil begins to ask no earlier."""


class Caller:
    """Sends attempts and waits for their replies in the mux."""

    def __init__(self, broker: Supervisor, mux: Mux, sender: Sender, senders: Senders, now: Clock) -> None:
        self._broker = broker
        self._mux = mux
        self._sender = sender
        self._senders = senders
        self._now = now
        self._subjects: dict[tuple[str, str | None], bytes] = {}

    async def call(self, request: Request) -> Response:
        """Send one attempt and return its reply."""
        if self._broker.busy:
            await self._broker.ready(request.operation, request.deadline)
        token, attempt = self._send(request, request.operation, request.instance)
        try:
            reply = await attempt.reply
        finally:
            self._mux.close(token)
        try:
            return message.open_response(reply[0], request, self._senders)
        except EnvelopeFault as fault:
            raise message.integrity(request.operation, fault) from fault

    def _send(self, request: Request, operation: str, pinged: str | None) -> tuple[bytes, Attempt]:
        """Send a request now; ``pinged`` is the instance to ask after it when it takes long."""
        broker, mux, now = self._broker, self._mux, self._now()
        deadline = request.deadline
        if deadline <= now:
            raise DeadlineExceeded(
                f"{operation}: deadline passed before the request was sent",
                executed=Executed.NO,
                origin=Origin.LOCAL,
            )
        token, attempt = mux.open(operation, pinged, now, deadline, request.id)
        try:
            inbox = mux.prefix + token
            payload = message.pack_request(self._sender, request, reply=inbox, now=now)
            _check_size(operation, len(payload), broker.max_payload)
            broker.send(self._subject(request), payload, inbox)
        except BaseException:
            mux.close(token)
            raise
        return token, attempt

    def _subject(self, request: Request) -> bytes:
        place = (request.operation, request.instance)
        known = self._subjects.get(place)
        if known is None:
            if len(self._subjects) >= _SUBJECTS:
                self._subjects.clear()
            service, endpoint = request.service, request.endpoint
            subject = (
                subjects.any_instance(service, endpoint)
                if request.instance is None
                else subjects.one_instance(service, request.instance, endpoint)
            )
            known = self._subjects[place] = subject.encode()
        return known

    async def ping(self, operation: str, instance: str, timeout: float) -> Pong:
        """Ask an instance, on the subject its attempts go to, whether it lives and works on them.

        Attempts that it does not work on were lost on their way, or their replies were: they end as disconnected.
        """
        if not self._broker.connected:
            return Pong.SILENT
        request = Request(operation, kind=Kind.PING, id=new_id(), instance=instance, deadline=self._now() + timeout)
        request.body = b"".join(self._mux.asked_about(request.service, instance, _SLOW))
        # It is no attempt: it is not pinged about in its turn.
        try:
            token, attempt = self._send(request, f"ping {operation}", None)
        except CallError:
            return Pong.SILENT
        try:
            reply = await attempt.reply
            self._mux.lose(message.open_pong(reply[0], request, self._senders), instance)
        except NoResponders:
            return Pong.GONE
        except (CallError, EnvelopeFault):
            return Pong.SILENT
        finally:
            self._mux.close(token)
        return Pong.ALIVE


def _check_size(operation: str, size: int, limit: int) -> None:
    if size > limit:
        raise PayloadTooLarge(
            f"{operation}: message of {size} bytes is above the broker's limit of {limit};"
            " raise its max_payload or send less"
        )
