"""An authority in this process, the keys that it gives, and meshes that seal with them over a plain broker."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply import Mesh
from crossply.audit.audit import Audit
from crossply.seal import schedule
from crossply.seal.credentials import Credentials, Recipient, issue
from crossply.seal.epochs import Epoch, Epochs
from crossply.seal.group import Group
from crossply.seal.holder import Holder, holder
from crossply.seal.lineage import Lineage
from crossply.seal.ring import Ring
from crossply.wire import connect as connect_nats
from crossply.wire import credential
from crossply.wire.credential import Credential
from crossply.wire.link import Link, LinkConfig
from crossply.wire.nats import NatsLink
from crossply.wire.sealed.sealing import Sealing
from tests.support.meshes import Meshes

_DAY = 86_400


@dataclass
class Vouching:
    """Signs credentials; every service has one epoch, and every channel one key."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    services: dict[str, X25519PrivateKey] = field(default_factory=dict[str, X25519PrivateKey])
    shared: bool = True
    """Whether callers are given the keys of services."""
    channel: Group | None = field(
        default_factory=lambda: Group(Epochs([_group_epoch()])),
    )

    def holder(self, service: str, instance: str, **said: Any) -> Holder:
        """Return an instance's keys with a credential for a day, other fields of it as given."""
        kem, signing = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        now = int(time.time())
        fields: dict[str, Any] = {
            "identity": credential.identity("mesh.local", "default", service),
            "instance": instance,
            "not_before": now - 300,
            "not_after": now + _DAY,
            "serial": secrets.token_bytes(16),
            "sign_key": signing.public_key().public_bytes_raw(),
            "kem_key": kem.public_key().public_bytes_raw(),
        }
        return holder(issue(Credential(**fields | said), self.key), kem, signing)

    def service(self, service: str) -> X25519PrivateKey:
        """Return a service's key."""
        return self.services.setdefault(service, X25519PrivateKey.generate())

    def keys(self, service: str, instance: str, **said: Any) -> VouchedKeys:
        """Return what a process has that joined."""
        return VouchedKeys(self, service, self.holder(service, instance, **said))


def _group_epoch() -> Epoch[bytes]:
    made = secrets.token_bytes(32)
    return Epoch(0, schedule.group_kid(made), made)


class VouchedKeys:
    """The keys of one process."""

    def __init__(self, authority: Vouching, service: str, own: Holder) -> None:
        public = authority.key.public_key()
        self.authority = authority
        self.own = own
        self.lineage = Lineage()
        self.credentials = Credentials(
            {schedule.issuer_kid(public.public_bytes_raw()): public}, "mesh.local", "default"
        )
        shared = authority.service(service)
        self.ring = Ring(own, Epochs([Epoch(0, schedule.kid(shared.public_key().public_bytes_raw()), shared)]))
        self.since = 0
        self._listeners: list[Callable[[Holder], None]] = []

    def on_renewal(self, listener: Callable[[Holder], None]) -> None:
        self._listeners.append(listener)

    def renew(self, own: Holder) -> None:
        self.own = own
        self.ring.renew(own, time.time_ns() // 1_000_000)
        for listener in self._listeners:
            listener(own)

    def recipient(self, service: str) -> Recipient | None:
        if not self.authority.shared:
            return None
        public = self.authority.service(service).public_key().public_bytes_raw()
        identity = credential.identity("mesh.local", "default", service)
        return Recipient(identity, schedule.kid(public), public)

    def group(self, channel: str) -> Group | None:
        return self.authority.channel


class VouchedMeshes:
    """Makes meshes of members: each instance has keys of the same authority."""

    def __init__(self, meshes: Meshes, authority: Vouching | None = None) -> None:
        self._meshes = meshes
        self.authority = authority or Vouching()
        self.keys: dict[str, VouchedKeys] = {}
        self.audits: dict[str, Audit] = {}

    def new(
        self, service: str, authority: Vouching | None = None, said: dict[str, Any] | None = None, **config: Any
    ) -> Mesh:
        """Return a mesh that does not run yet; ``said`` are other fields of its credential."""
        mesh = self._meshes.new(service, **config)

        async def connect(link: LinkConfig) -> Link:
            keys = self.keys[service] = (authority or self.authority).keys(service, link.instance, **said or {})
            audit = self.audits[service] = Audit()
            return await connect_nats(replace(link, keys=keys, audit=audit))

        mesh.connect_with(connect)
        return mesh

    async def start(self, *meshes: Mesh) -> None:
        """Start each; what the test does not stop, its end does."""
        await self._meshes.start(*meshes)

    def reasons(self, service: str) -> list[str]:
        """Return why messages were not opened by an instance of a service, in their order."""
        return [entry.reason for entry in self.audits[service].take(1000)]


def sealing(mesh: Mesh) -> Sealing:
    """Return what a mesh that is vouched for seals with."""
    sealed = cast("NatsLink", mesh.link).sealed
    assert sealed is not None
    return sealed.sealing
