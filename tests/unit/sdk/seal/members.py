"""Members of a mesh for the tests of sealing: an authority, instances with keys, a clock, and messages between two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ParamSpec

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.handler import Kind
from crossply.seal import schedule, session
from crossply.seal.credentials import Credentials, Recipient, issue
from crossply.seal.epochs import Epoch, Epochs
from crossply.seal.events import EventOpener
from crossply.seal.faults import Reason, SealFault
from crossply.seal.holder import Holder, holder
from crossply.seal.lineage import Lineage
from crossply.seal.opener import Opened, Opener
from crossply.seal.ring import Ring
from crossply.seal.sealer import Sealer
from crossply.seal.session import NewAead, Session
from crossply.wire import credential, envelope, subjects
from crossply.wire.credential import Credential
from crossply.wire.envelope import tlv

P = ParamSpec("P")
NOW = 1_790_000_000_000
DAY = 86_400
MID = bytes(range(16))
CONTENT = b"\0\0hello"


@dataclass
class WallClock:
    """A clock in unix milliseconds that the test sets."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class Authority:
    """Signs credentials, and is who everybody trusts."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    trusted: Mapping[bytes, Ed25519PublicKey] = field(init=False)

    def __post_init__(self) -> None:
        public = self.key.public_key()
        self.trusted = {schedule.issuer_kid(public.public_bytes_raw()): public}

    def holder(self, service: str, instance: str, **said: Any) -> Holder:
        """Return an instance's keys with a credential for a day, other fields of it as given."""
        kem, signing = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        return holder(issue(parts(service, instance, kem, signing, **said), self.key), kem, signing)


def parts(service: str, instance: str, kem: X25519PrivateKey, signing: Ed25519PrivateKey, **said: Any) -> Credential:
    fields: dict[str, Any] = {
        "identity": credential.identity("mesh.test", "acme", service),
        "instance": instance,
        "not_before": NOW // 1000 - 300,
        "not_after": NOW // 1000 + DAY,
        "serial": signing.public_key().public_bytes_raw()[:16],
        "sign_key": signing.public_key().public_bytes_raw(),
        "kem_key": kem.public_key().public_bytes_raw(),
    }
    return Credential(**fields | said)


class Instance:
    """One process of a service: all that it seals and opens with."""

    def __init__(
        self,
        authority: Authority,
        service: str,
        instance: str,
        clock: WallClock,
        *,
        shared: X25519PrivateKey | None = None,
        aead: NewAead = AESGCM,
        own: Holder | None = None,
        since: int = 0,
    ) -> None:
        self.service, self.instance = service, instance
        self.own = own or authority.holder(service, instance)
        self.lineage = Lineage()
        self.credentials = Credentials(authority.trusted, "mesh.test", "acme")
        self.ring = Ring(self.own, None if shared is None else Epochs([Epoch(0, kid_of(shared), shared)]))
        self.sealer = Sealer(self.own, self.lineage, clock=clock, aead=aead)
        self.opener = Opener(self.ring, self.credentials, self.lineage, clock=clock, since=since)
        self.events = EventOpener(self.credentials, self.lineage)
        self.recipient = self.credentials.learn(self.own.raw).recipient
        self.reply = subjects.inbox(service, instance).encode() + b"1f"
        self.subject = subjects.one_instance(service, instance, "quote").encode()

    def open(self, payload: bytes, reply: bytes, subject: bytes | None = None) -> Opened:
        return self.opener.open_request(payload, subject or self.subject, reply)


def kid_of(key: X25519PrivateKey) -> bytes:
    return schedule.kid(key.public_key().public_bytes_raw())


def shared_recipient(service: str, key: X25519PrivateKey) -> Recipient:
    """Return whoever of a service holds its shared key."""
    identity = credential.identity("mesh.test", "acme", service)
    return Recipient(identity, kid_of(key), key.public_key().public_bytes_raw())


@dataclass
class Pair:
    """A caller and a callee that have met."""

    clock: WallClock = field(default_factory=WallClock)
    authority: Authority = field(default_factory=Authority)
    shared: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    caller: Instance = field(init=False)
    callee: Instance = field(init=False)

    def __post_init__(self) -> None:
        self.caller = self.instance("web", "k7q2mzp4x3ab")
        self.callee = self.instance("orders", "m7q2mzp4x3ac", shared=self.shared)

    def instance(self, service: str, name: str, **keys: X25519PrivateKey) -> Instance:
        return Instance(self.authority, service, name, self.clock, shared=keys.get("shared"))

    def request(
        self,
        *,
        to: Recipient | None = None,
        subject: bytes | None = None,
        extra: bytes = b"",
        ttl: int = 5000,
        kind: Kind = Kind.REQUEST,
        content: bytes = CONTENT,
        introduce: bool = True,
    ) -> bytes:
        """Seal a request of the caller to the callee; ``extra`` are TLVs above 9."""
        caller = self.caller
        block = b"".join(
            (
                tlv(envelope.OPERATION, b"quote"),
                caller.own.credential if introduce else b"",
                tlv(envelope.REPLY_SUBJECT, caller.reply),
                extra,
            )
        )
        to = to or self.callee.recipient
        return caller.sealer.seal_request(to, kind, subject or self.callee.subject, ttl, MID, block, content)

    def response(
        self, *, by: Instance | None = None, to: Recipient | None = None, mid: bytes = MID, kind: Kind = Kind.RESPONSE
    ) -> bytes:
        """Seal the reply to ``request``."""
        by = by or self.callee
        block = tlv(envelope.IN_REPLY_TO, mid) + by.own.credential
        return by.sealer.seal_reply(to or self.caller.recipient, kind, self.caller.reply, bytes(16), block, CONTENT)

    def caller_session(self) -> Session:
        """Begin a session of the caller to the callee that nothing else uses."""
        own, to = self.caller, self.callee.recipient
        key = X25519PrivateKey.generate()
        return session.pair(own.own, to, now=NOW, lineage=own.lineage, aead=AESGCM, ephemeral=key)

    def open(self, payload: bytes, subject: bytes | None = None, reply: bytes | None = None) -> Opened:
        return self.callee.open(payload, reply or self.caller.reply, subject)

    def open_reply(self, payload: bytes, *, to: Recipient | None = None, mid: bytes = MID) -> Opened:
        return self.caller.opener.open_reply(payload, self.caller.reply, to or self.callee.recipient, mid)


def refused(attempt: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> Reason:
    """Return why an attempt to open was refused; anything but a ``SealFault`` is a failure of the test."""
    try:
        attempt(*args, **kwargs)
    except SealFault as fault:
        return fault.reason
    raise AssertionError("it was accepted")
