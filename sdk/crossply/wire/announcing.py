"""Presence on the wire: hello, heartbeat, bye, the question who serves, and NATS micro's questions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from crossply.handler import MSGPACK, Kind
from crossply.names import new_id
from crossply.wire import envelope, presence, subjects
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.presence import Bye, Hello
from crossply_policy import names

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.wire.link import AskedHandler, LinkConfig, MicroHandler, PresenceHandler
    from crossply.wire.listening import Listening
    from crossply.wire.mux import Mux
    from crossply.wire.presence import Presence
    from crossply.wire.sealed.sealing import Sealing
    from crossply.wire.senders import Sender, Senders
    from crossply.wire.supervisor import Supervisor


class Listenings:
    """Subscriptions that end together."""

    def __init__(self, *listenings: Listening) -> None:
        self._listenings = listenings

    async def aclose(self) -> None:
        """End them all."""
        await asyncio.gather(*(each.aclose() for each in self._listenings))


class Announcer:
    """Says who is here and hears who else is."""

    def __init__(
        self,
        config: LinkConfig,
        broker: Supervisor,
        mux: Mux,
        sender: Sender,
        senders: Senders,
        report: Callable[[str, BaseException], None],
        sealing: Sealing | None = None,
    ) -> None:
        self._config = config
        self._broker = broker
        self._mux = mux
        self._sealing = sealing
        self._sender = sender
        self._senders = senders
        self._report = report
        self._group = subjects.instance_group(config.instance).encode()

    async def announce(self, message: Presence) -> None:
        """Say hello, heartbeat or bye; dropped while there is no connection, as the next one says it again."""
        if self._broker.connected:
            self._broker.send(
                subjects.heartbeat(message.service, message.instance).encode(),
                self._pack(message, Kind.EVENT, new_id()),
            )

    async def answer_who(self, handler: AskedHandler) -> Listenings:
        """Answer whoever asks, on its inbox, with a hello."""

        def asked(_subject: bytes, reply: bytes, data: bytes, _headers: bytes) -> None:
            if not reply:
                return
            try:
                question = envelope.unpack(data)
                peer = self._senders.peer(question)
            except EnvelopeFault as fault:
                self._report("who refused", fault)
                return
            if reply.startswith(subjects.inbox(peer.service, peer.instance).encode()):
                self._broker.send(reply, self._pack(handler(), Kind.RESPONSE, question.mid))

        who = subjects.who(self._config.service).encode()
        return Listenings(self._broker.listen(who, asked, queue=self._group))

    def watch(self, service: str | None, handler: PresenceHandler, ended: Callable[[], object]) -> Watch:
        """Hear the presence of a service, or of all; answers to ``ask_who`` arrive here as well."""

        def heard(subject: bytes, _reply: bytes, data: bytes, _headers: bytes) -> None:
            if not subject.endswith(b".who"):
                self._hear(data, service, handler)

        subject = subjects.HEARTBEATS if service is None else subjects.heartbeats(service)
        listening = self._broker.listen(subject.encode(), heard, queue=self._group)
        token = self._mux.listen(lambda _subject, data, _headers: self._hear(data, service, handler))
        return Watch(self._mux, token, listening, ended)

    async def ask_who(self, service: str, token: bytes) -> None:
        """Ask who serves a service; answers go to the watch with that token."""
        if self._broker.connected:
            question = self._sender.stamp(Kind.REQUEST, new_id(), 1000)
            self._broker.send(subjects.who(service).encode(), envelope.pack(question), self._mux.prefix + token)

    def _hear(self, data: bytes, service: str | None, handler: PresenceHandler) -> None:
        if not data:
            return
        try:
            opened = envelope.unpack(data)
            peer = self._senders.peer(opened)
            said = presence.decode(opened.body)
            names.service(said.service)
            names.instance(said.instance)
        except (EnvelopeFault, msgspec.DecodeError, names.NameFault) as fault:
            self._report("presence refused", fault)
            return
        if (said.service, said.instance) != (peer.service, peer.instance) or service not in {None, said.service}:
            self._report("presence refused", EnvelopeFault(f"{peer.service} speaks for {said.service}"))
            return
        if self._sealing is not None:
            try:
                raw, started = opened.tlvs.get(envelope.CREDENTIAL), said.started if isinstance(said, Hello) else None
                self._sealing.hear(peer, raw, started=started, leaving=isinstance(said, Bye))
            except EnvelopeFault as fault:
                self._report("presence refused", fault)
                return
        handler(said)

    def _pack(self, message: Presence, kind: Kind, mid: bytes) -> bytes:
        spoken = self._sender.stamp(kind, mid, 0)
        spoken.tlvs[envelope.CONTENT_TYPE] = MSGPACK.encode()
        spoken.body = presence.encode(message)
        if self._sealing is not None:
            # Those who call this instance seal to the key in its credential, those who are called answer to it.
            own = self._sealing.keys.own
            spoken.cid, spoken.tlvs[envelope.CREDENTIAL] = own.cid, own.raw
        return envelope.pack(spoken)

    async def serve_micro(self, name: str, handler: MicroHandler) -> Listenings:
        """Answer PING, INFO and STATS of all, of the name and of the id, without a queue group as ADR-32 asks."""

        def asked(subject: bytes, reply: bytes, _data: bytes, _headers: bytes) -> None:
            if reply.startswith(subjects.INBOXES):
                verb = subject.split(b".")[1].decode()
                answer: dict[str, Any] = handler(verb)
                self._broker.send(reply, msgspec.json.encode(answer))

        return Listenings(
            *[
                self._broker.listen(subjects.micro(verb, *names).encode(), asked, queue=self._group)
                for verb in ("PING", "INFO", "STATS")
                for names in ((), (name,), (name, self._config.instance))
            ]
        )


class Watch:
    """One listening to presence."""

    def __init__(self, mux: Mux, token: bytes, listening: Listening, ended: Callable[[], object]) -> None:
        self._mux = mux
        self._ended = ended
        self._listening = listening
        self.token = token

    async def aclose(self) -> None:
        """Listen no more."""
        self._ended()
        self._mux.unlisten(self.token)
        await self._listening.aclose()
