"""Leases of rates on the wire: an instance says what it holds and wants, a registry says what it may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from crossply.errors import CallError
from crossply.handler import MSGPACK, Kind
from crossply.names import new_id
from crossply.wire import envelope, subjects
from crossply.wire.envelope import EnvelopeFault
from crossply.wire.lease import Shares, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from crossply.clock import Clock
    from crossply.handler import Peer
    from crossply.wire.lease import SharesHandler
    from crossply.wire.link import Closable, LinkConfig
    from crossply.wire.mux import Mux
    from crossply.wire.senders import Sender, Senders
    from crossply.wire.supervisor import Supervisor

REGISTRY = "registry"


class Want(msgspec.Struct, frozen=True):
    """What an instance asks."""

    limits: dict[str, Wanted]


class Leased(msgspec.Struct, frozen=True):
    """What it is answered: shares, from 0 to 1, by the limit's name."""

    shares: dict[str, float]


_want = msgspec.msgpack.Decoder(Want)
_leased = msgspec.msgpack.Decoder(Leased)


class SharesOnWire:
    """Asks for shares, and answers who asks."""

    def __init__(
        self,
        config: LinkConfig,
        broker: Supervisor,
        mux: Mux,
        sender: Sender,
        senders: Senders,
        now: Clock,
        report: Callable[[str, BaseException], None],
    ) -> None:
        self._config = config
        self._broker = broker
        self._mux = mux
        self._sender = sender
        self._senders = senders
        self._now = now
        self._report = report

    async def ask(self, wanted: dict[str, Wanted], timeout: float) -> Shares | None:
        """Return what a registry leases; ``None`` when none answers in time."""
        if not self._broker.connected:
            return None
        now = self._now()
        token, attempt = self._mux.open("shares of rates", None, now, now + timeout)
        question = pack(self._sender, Kind.REQUEST, new_id(), Want(wanted))
        try:
            subject = subjects.shares(self._config.service, self._config.instance).encode()
            self._broker.send(subject, question, self._mux.prefix + token)
            return answered((await attempt.reply)[0], self._senders)
        except (CallError, EnvelopeFault):
            return None
        finally:
            self._mux.close(token, attempt)

    async def answer(self, handler: SharesHandler) -> Closable:
        """Hear every instance's question; what ``handler`` returns is the answer, ``None`` is silence."""

        def asked(_subject: bytes, reply: bytes, data: bytes, _headers: bytes) -> None:
            try:
                peer, wanted, mid = question(data, self._senders)
            except EnvelopeFault as fault:
                self._report("shares refused", fault)
                return
            if not reply.startswith(subjects.inbox(peer.service, peer.instance).encode()):
                return
            shares = handler(peer.service, peer.instance, wanted)
            if shares is not None:
                self._broker.send(reply, pack(self._sender, Kind.RESPONSE, mid, Leased(shares)))

        group = subjects.instance_group(self._config.instance).encode()
        return self._broker.listen(subjects.SHARES.encode(), asked, queue=group)


def pack(sender: Sender, kind: Kind, mid: bytes, said: Want | Leased) -> bytes:
    """Return the wire form of a question or an answer."""
    spoken = sender.stamp(kind, mid, 0)
    spoken.tlvs[envelope.CONTENT_TYPE] = MSGPACK.encode()
    spoken.body = msgspec.msgpack.encode(said)
    return envelope.pack(spoken)


def question(raw: bytes, senders: Senders) -> tuple[Peer, dict[str, Wanted], bytes]:
    """Return who asks, what for, and what to answer to; raise ``EnvelopeFault`` for what is no question."""
    opened = envelope.unpack(raw)
    try:
        return senders.peer(opened), _want.decode(opened.body).limits, opened.mid
    except msgspec.DecodeError as fault:
        raise EnvelopeFault(f"question for shares does not decode: {fault}") from fault


def answered(raw: bytes, senders: Senders) -> Shares:
    """Return the shares in an answer; raise ``EnvelopeFault`` unless it is a registry's."""
    opened = envelope.unpack(raw)
    if (peer := senders.peer(opened)).service != REGISTRY:
        raise EnvelopeFault(f"{peer.service} leases shares, and is no registry")
    try:
        return _leased.decode(opened.body).shares
    except msgspec.DecodeError as fault:
        raise EnvelopeFault(f"answer about shares does not decode: {fault}") from fault
