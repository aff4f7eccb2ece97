"""Who sends: this instance, with what it writes into every envelope; and the others, each parsed once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, NamedTuple

from crossply.handler import Facts, Kind, Peer, Request, Response
from crossply.wire import content_types, credential, envelope, metadata, subjects
from crossply.wire.envelope import Envelope, EnvelopeFault, text_tlv, tlv

if TYPE_CHECKING:
    from crossply.wire.credential import Credential
    from crossply.wire.metadata import ReplyMetadata

_KNOWN: Final = 4096
_SHORT: Final = 64


class Sender:
    """What this instance writes into every envelope: its credential and a ``sequence``, which is the next number."""

    def __init__(self, own: Credential) -> None:
        self._credential = credential.pack_unsigned(own)
        self.cid = credential.cid(self._credential)
        self.credential = tlv(envelope.CREDENTIAL, self._credential)
        self.sequence = 0
        self._names: dict[tuple[str, str, Kind], tuple[bytes, bytes]] = {}
        self._types: dict[str, bytes] = {}
        self._facts: dict[Facts | None, bytes] = {}

    def next(self) -> int:
        """Return the next number in this instance's sequence."""
        sequence = self.sequence
        self.sequence = sequence + 1
        return sequence

    def stamp(self, kind: Kind, mid: bytes, ttl: int) -> Envelope:
        """Return an envelope from this instance with the next sequence."""
        tlvs = {envelope.CREDENTIAL: self._credential}
        iat = time.time_ns() // 1_000_000
        return Envelope(kind, mid, cid=self.cid, seq=self.next(), iat=iat, ttl=ttl, tlvs=tlvs)

    def names(self, request: Request) -> tuple[bytes, bytes]:
        """Return the TLVs of a request's content type and of its endpoint, or of an event's channel."""
        key = (request.content_type, request.operation, request.kind)
        known = self._names.get(key)
        if known is None:
            if len(self._names) >= _KNOWN:
                self._names.clear()
            name = request.operation if request.kind is Kind.EVENT else request.endpoint
            made = content_types.pack(request.content_type), text_tlv(envelope.OPERATION, name)
            known = self._names[key] = made
        return known

    def content_type(self, name: str) -> bytes:
        """Return the TLV of a reply's content type."""
        known = self._types.get(name)
        if known is None:
            if len(self._types) >= _KNOWN:
                self._types.clear()
            known = self._types[name] = content_types.pack(name)
        return known

    def reply_metadata(self, response: Response) -> bytes:
        """Return a reply's metadata; that of most says the endpoint's facts and nothing else."""
        if response.metadata or response.failure or response.status is not None or response.headers:
            return metadata.pack_reply(response)
        known = self._facts.get(response.facts)
        if known is None:
            known = self._facts[response.facts] = metadata.pack_reply(response)
        return known


class Known(NamedTuple):
    """A sender: its credential's bytes, who it names, where its replies go, how its operations begin."""

    raw: bytes
    peer: Peer
    inbox: bytes
    operations: str


class NotIntroduced(EnvelopeFault):
    """A message whose sender is not known and that carries no credential."""


class Senders:
    """The credentials seen so far, by their id, so that each is parsed once; and what replies said; bounded."""

    def __init__(self, limit: int = _KNOWN) -> None:
        self._known: dict[bytes, Known] = {}
        self._limit = limit
        self._said: dict[bytes, tuple[ReplyMetadata, Facts | None]] = {}

    def peer(self, message: Envelope) -> Peer:
        """Return who sent ``message``; raise ``EnvelopeFault`` when it carries no usable credential."""
        return self.known(message).peer

    def known(self, message: Envelope) -> Known:
        """Return what is known of who sent ``message``; raise ``EnvelopeFault`` as ``peer`` does."""
        return self.of(message.cid, message.tlvs.get(envelope.CREDENTIAL))

    def of(self, cid: bytes, raw: bytes | None) -> Known:
        """Return who a credential names, or who ``cid`` is known to be when a message leaves it out (``raw`` None).

        Raise ``NotIntroduced`` when that is nobody, ``EnvelopeFault`` for a credential that is none, or not of that id.
        """
        known = self._known.get(cid)
        if raw is None:
            if known is None:
                raise NotIntroduced("message carries no credential, and its sender is not known")
            return known
        if known is not None and known.raw == raw:
            return known
        try:
            said = credential.read(raw)
        except credential.CredentialFault as error:
            raise EnvelopeFault(str(error)) from error
        if credential.cid(raw) != cid:
            raise EnvelopeFault("message names another credential than it carries")
        peer = Peer(said.service, said.instance, said.identity, said.claimed)
        if len(self._known) >= self._limit:
            self._known.pop(next(iter(self._known)))
        inbox = subjects.inbox(peer.service, peer.instance).encode()
        known = self._known[cid] = Known(raw, peer, inbox, f"{peer.service}.")
        return known

    def said(self, raw: bytes) -> tuple[ReplyMetadata, Facts | None]:
        """Return what a reply says beside its body, and the facts in it; the short ones are decoded once."""
        known = self._said.get(raw)
        if known is None:
            said = metadata.unpack_reply(raw)
            known = said, metadata.facts_of(said)
            if len(raw) <= _SHORT:
                if len(self._said) >= self._limit:
                    self._said.clear()
                self._said[raw] = known
        return known
