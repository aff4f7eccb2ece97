"""Presence through one link: hello, heartbeat, bye, and the question who serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from crossply.handler import MSGPACK, Kind
from crossply.names import new_id
from crossply.testing.memory.listening import Listening
from crossply.wire import envelope, presence
from crossply.wire.envelope import EnvelopeFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.testing.memory.link import MemoryLink
    from crossply.wire.link import AskedHandler, PresenceHandler
    from crossply.wire.presence import Presence


@dataclass(slots=True, eq=False)
class Watch:
    """Who listens to the presence of a service, of all when ``None``."""

    service: str | None
    handler: PresenceHandler


class Presences:
    """What one link says of its instance, and hears of others."""

    def __init__(self, link: MemoryLink) -> None:
        self._link = link
        self._watches: list[Watch] = []
        self._answers: list[AskedHandler] = []

    def announce(self, message: Presence) -> None:
        """Tell all who listen to the service."""
        if self._link.connected:
            raw = self._pack(message, Kind.EVENT, new_id())
            for link in self._link.broker.present():
                link.hear(message.service, raw)

    def watch(self, service: str | None, handler: PresenceHandler) -> Listening[Watch]:
        """Listen to a service, or to all."""
        return Listening(self._watches, Watch(service, handler))

    def hear(self, service: str, raw: bytes) -> None:
        """Hand presence to those who listen here."""
        for watch in list(self._watches):
            if watch.service in {None, service}:
                self._open(raw, watch.handler)

    def answer_who(self, handler: AskedHandler) -> Listening[AskedHandler]:
        """Answer questions about this link's service."""
        return Listening(self._answers, handler)

    def ask_who(self, service: str) -> None:
        """Ask; answers go to the watch on the service, else to the one on all."""
        link = self._link
        watches = sorted(
            (each for each in self._watches if each.service in {None, service}),
            key=lambda one: one.service is None,
        )
        if not link.connected or not watches:
            return
        question = envelope.pack(link.sender.stamp(Kind.REQUEST, new_id(), 1000))
        handler = watches[0].handler
        for other in link.broker.present():
            other.asked(service, question, lambda raw: link.receive(lambda: self._open(raw, handler)))

    def asked(self, service: str, raw: bytes, reply: Callable[[bytes], None]) -> None:
        """Answer if the question is about this link's service."""
        if service != self._link.service:
            return
        try:
            question = envelope.unpack(raw)
            self._link.senders.peer(question)
        except EnvelopeFault as fault:
            self._link.fault("who refused", fault)
            return
        for handler in self._answers:
            reply(self._pack(handler(), Kind.RESPONSE, question.mid))

    def _open(self, raw: bytes, handler: PresenceHandler) -> None:
        try:
            opened = envelope.unpack(raw)
            peer = self._link.senders.peer(opened)
            said = presence.decode(opened.body)
            if (said.service, said.instance) != (peer.service, peer.instance):
                raise EnvelopeFault(f"{peer.service} speaks for {said.service}")  # noqa: TRY301 - as on the wire
        except (EnvelopeFault, msgspec.DecodeError) as fault:
            self._link.fault("presence refused", fault)
            return
        handler(said)

    def _pack(self, message: Presence, kind: Kind, mid: bytes) -> bytes:
        spoken = self._link.sender.stamp(kind, mid, 0)
        spoken.tlvs[envelope.CONTENT_TYPE] = MSGPACK.encode()
        spoken.body = presence.encode(message)
        return envelope.pack(spoken)
