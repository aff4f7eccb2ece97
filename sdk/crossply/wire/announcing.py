"""Presence on the wire: hello, heartbeat, bye, the question who serves, and NATS micro's questions."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from crossply.handler import MSGPACK, Kind
from crossply.names import new_id
from crossply.wire import envelope, presence, subjects
from crossply.wire.envelope import EnvelopeFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from nats.aio.msg import Msg

    from crossply.wire.client import Listening, MeshClient
    from crossply.wire.link import AskedHandler, LinkConfig, MicroHandler, PresenceHandler
    from crossply.wire.message import Sender, Senders
    from crossply.wire.mux import Mux
    from crossply.wire.presence import Presence


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
        client: MeshClient,
        mux: Mux,
        sender: Sender,
        senders: Senders,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._config = config
        self._client = client
        self._mux = mux
        self._sender = sender
        self._senders = senders
        self._report = report
        self._group = subjects.instance_group(config.instance)

    async def announce(self, message: Presence) -> None:
        """Say hello, heartbeat or bye; dropped while there is no connection, as the next one says it again."""
        if self._client.is_connected:
            await self._client.publish(
                subjects.heartbeat(message.service, message.instance),
                self._pack(message, Kind.EVENT, new_id()),
            )

    async def answer_who(self, handler: AskedHandler) -> Listenings:
        """Answer whoever asks, on its inbox, with a hello."""

        async def asked(msg: Msg) -> None:
            if not msg.reply:
                return
            try:
                question = envelope.unpack(msg.data)
                peer = self._senders.peer(question)
            except EnvelopeFault as fault:
                self._report("who refused", fault)
                return
            if msg.reply.startswith(subjects.inbox(peer.service, peer.instance)):
                await self._client.publish(msg.reply, self._pack(handler(), Kind.RESPONSE, question.mid))

        return Listenings(await self._client.listen(subjects.who(self._config.service), asked, queue=self._group))

    async def watch(self, service: str | None, handler: PresenceHandler) -> Watch:
        """Hear the presence of a service, or of all; answers to ``ask_who`` arrive here as well."""

        async def heard(msg: Msg) -> None:
            if not msg.subject.endswith(".who"):
                self._hear(msg, handler)

        subject = subjects.HEARTBEATS if service is None else subjects.heartbeats(service)
        listening = await self._client.listen(subject, heard, queue=self._group)
        token = self._mux.listen(lambda msg: self._hear(msg, handler))
        return Watch(self._mux, token, listening)

    async def ask_who(self, service: str, token: str) -> None:
        """Ask who serves a service; answers go to the watch with that token."""
        if self._client.is_connected:
            question = self._sender.stamp(Kind.REQUEST, new_id(), 1000)
            await self._client.publish(subjects.who(service), envelope.pack(question), reply=self._mux.prefix + token)

    def _hear(self, msg: Msg, handler: PresenceHandler) -> None:
        if not msg.data:
            return
        try:
            opened = envelope.unpack(msg.data)
            peer = self._senders.peer(opened)
            said = presence.decode(opened.body)
        except (EnvelopeFault, msgspec.DecodeError) as fault:
            self._report("presence refused", fault)
            return
        if (said.service, said.instance) != (peer.service, peer.instance):
            self._report("presence refused", EnvelopeFault(f"{peer.service} speaks for {said.service}"))
            return
        handler(said)

    def _pack(self, message: Presence, kind: Kind, mid: bytes) -> bytes:
        spoken = self._sender.stamp(kind, mid, 0)
        spoken.tlvs[envelope.CONTENT_TYPE] = MSGPACK.encode()
        spoken.body = presence.encode(message)
        return envelope.pack(spoken)

    async def serve_micro(self, name: str, handler: MicroHandler) -> Listenings:
        """Answer PING, INFO and STATS of all, of the name and of the id, without a queue group as ADR-32 asks."""

        async def asked(msg: Msg) -> None:
            if msg.reply:
                verb = msg.subject.split(".")[1]
                answer: dict[str, Any] = handler(verb)
                await self._client.publish(msg.reply, msgspec.json.encode(answer))

        group = self._group
        return Listenings(
            *[
                await self._client.listen(subjects.micro(verb, *names), asked, queue=group)
                for verb in ("PING", "INFO", "STATS")
                for names in ((), (name,), (name, self._config.instance))
            ]
        )


class Watch:
    """One listening to presence."""

    def __init__(self, mux: Mux, token: str, listening: Listening) -> None:
        self._mux = mux
        self._listening = listening
        self.token = token

    async def aclose(self) -> None:
        """Listen no more."""
        self._mux.close(self.token)
        await self._listening.aclose()
