"""Reports on the wire: core NATS, dropped before anything else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.handler import MSGPACK, Kind
from crossply.names import new_id
from crossply.wire import envelope, message, subjects
from crossply.wire.envelope import EnvelopeFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.wire.link import LinkConfig, ReportHandler
    from crossply.wire.listening import Listening
    from crossply.wire.senders import Sender, Senders
    from crossply.wire.supervisor import Supervisor


class Observer:
    """Sends what an instance reports of itself, and hears the others."""

    def __init__(
        self,
        config: LinkConfig,
        broker: Supervisor,
        sender: Sender,
        senders: Senders,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._config = config
        self._broker = broker
        self._sender = sender
        self._senders = senders
        self._report = report

    def send(self, body: bytes) -> bool:
        """Send a report; return False when it was dropped: too large, no connection, or others wait for room."""
        if self._broker.busy or len(body) > message.MAX_BODY:
            return False
        spoken = self._sender.stamp(Kind.EVENT, new_id(), 0)
        spoken.tlvs[envelope.CONTENT_TYPE] = MSGPACK.encode()
        spoken.body = body
        packed = envelope.pack(spoken)
        if len(packed) > self._broker.max_payload:
            return False
        self._broker.send(subjects.report(self._config.service, self._config.instance).encode(), packed)
        return True

    def watch(self, handler: ReportHandler) -> Listening:
        """Hear the reports of all instances."""

        def heard(subject: bytes, _reply: bytes, data: bytes, _headers: bytes) -> None:
            try:
                opened = envelope.unpack(data)
                peer = self._senders.peer(opened)
            except EnvelopeFault as fault:
                self._report("report refused", fault)
                return
            if subject != subjects.report(peer.service, peer.instance).encode():
                self._report("report refused", EnvelopeFault(f"{peer.service} reports for another instance"))
                return
            handler(peer, opened.body)

        group = subjects.instance_group(self._config.instance).encode()
        return self._broker.listen(subjects.REPORTS.encode(), heard, queue=group)
