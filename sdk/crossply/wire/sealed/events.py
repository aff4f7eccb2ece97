"""Events, sealed: to all who have their channel's keys, signed by who publishes, judged by when they were stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from crossply.audit.entry import Action
from crossply.errors import Origin, Unavailable
from crossply.seal import layout, schedule
from crossply.seal.faults import Reason, SealFault
from crossply.wire import envelope, message, subjects
from crossply.wire.envelope import EnvelopeFault, NotYetReadable
from crossply.wire.sealed.message import event_block, request_content

if TYPE_CHECKING:
    from crossply.handler import Request
    from crossply.wire.sealed.sealing import Sealing
    from crossply.wire.senders import Sender

_SEALED: Final = (layout.begin(schedule.GROUP_SIGNED), layout.begin(schedule.GROUP))
_MILLISECONDS: Final = 1000


class SealedEvents:
    """Seals what this instance publishes, and opens what others did."""

    def __init__(self, sealing: Sealing, sender: Sender) -> None:
        self._sealing = sealing
        self._sender = sender

    def pack(self, request: Request) -> bytes:
        """Return an event as it is stored; sealed once, and sent again as it is.

        Raise ``Unavailable`` where it must be sealed and the channel's keys are not known here.
        """
        sealing, channel = self._sealing, request.operation
        said = sealing.encryption
        group = None if said == "off" else sealing.keys.group(channel)
        if group is None:
            if said == "strict":
                raise Unavailable(
                    f"{channel}: the channel's keys are not known here, so that nothing can be sealed for it; the"
                    " authority gives them to those who may publish on it",
                    origin=Origin.LOCAL,
                )
            return message.pack_event(self._sender, request)
        # Always with the credential: who reads it later may never have met this instance.
        block = event_block(self._sender, request, sealing.keys.own.credential)
        subject = subjects.channel(channel).encode()
        return sealing.sealer.seal_event(group, subject, request.id, block, request_content(request, len(block)))

    def takes(self, data: bytes) -> bool:
        """Whether an event is for ``open``: it is sealed, or nothing else may come in."""
        return data.startswith(_SEALED) or self._sealing.encryption == "strict"

    def open(self, data: bytes, channel: str, stored: float, now: float) -> Request:
        """Return the event that was stored at ``stored`` (unix seconds).

        Raise ``NotYetReadable`` where only its keys are missing, ``EnvelopeFault`` where it is not to be believed.
        """
        try:
            return self._open(data, channel, stored, now)
        except EnvelopeFault as fault:
            self._sealing.tell(channel, fault, action=Action.SUBSCRIBE)
            if isinstance(fault, SealFault) and fault.reason is Reason.KEY_UNKNOWN:
                raise NotYetReadable(str(fault)) from fault
            raise

    def _open(self, data: bytes, channel: str, stored: float, now: float) -> Request:
        if not data.startswith(_SEALED):
            raise SealFault(Reason.UNSUPPORTED, "event is not sealed, and nothing else is taken (encryption: strict)")
        group = self._sealing.keys.group(channel)
        if group is None:
            raise SealFault(Reason.KEY_UNKNOWN, "the channel's keys are not known here")
        subject = subjects.channel(channel).encode()
        opened = self._sealing.events.open_event(data, subject, group, round(stored * _MILLISECONDS))
        parts, member = opened.parts, opened.member
        if parts.tlvs[envelope.OPERATION] != channel.encode():
            raise SealFault(Reason.MISDIRECTED, "event names another channel than the one it lies in")
        request = message.unpack_request(parts, channel, member.peer, now)
        request.member = member
        return request
