"""A broker as the callout sees it: questions, and what it makes of the answers."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply_registry.authority import certificates
from crossply_registry.authority.callout.jwt import Signer
from crossply_registry.authority.callout.nkeys import Kind, public
from crossply_registry.authority.certificates import pem
from crossply_registry.authority.identity import Identity
from crossply_registry.authority.issuer import Issuer, new_serial
from tests.unit.registry.authority.standing import NOW

INSTANCE = "k7q2mzp4x3ab"
HEADER = b'{"typ":"JWT","alg":"ed25519-nkey"}'


def coded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def token(key: Ed25519PrivateKey, claims: dict[str, Any], header: bytes = HEADER) -> bytes:
    """Return a token of whatever it is told."""
    body = coded(header) + b"." + coded(msgspec.json.encode(claims))
    return body + b"." + coded(key.sign(body))


def said(raw: bytes | str) -> dict[str, Any]:
    """Return what a token says, whoever signed it."""
    middle = (raw if isinstance(raw, bytes) else raw.encode()).split(b".")[1]
    found: dict[str, Any] = msgspec.json.decode(base64.urlsafe_b64decode(middle + b"=" * (-len(middle) % 4)))
    return found


@dataclass
class Asking:
    """A root with its issuer, a broker, and the account that answers it."""

    root_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    issuer_key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    broker: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    client: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    account: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    def __post_init__(self) -> None:
        self.root = certificates.make_root(self.root_key, "mesh.local", NOW)
        made = certificates.make_issuer(self.issuer_key.public_key(), self.root, self.root_key, NOW)
        self.issuer = Issuer(self.root, made, self.issuer_key)
        self.signer = Signer(self.account)

    @property
    def server(self) -> str:
        return public(self.broker, Kind.SERVER)

    @property
    def user(self) -> str:
        return public(self.client, Kind.USER)

    def certificate(
        self, service: str = "web", instance: str = INSTANCE, *, tenant: str = "default", now: float = NOW
    ) -> x509.Certificate:
        """Return what a process shows."""
        identity = Identity("mesh.local", tenant, service)
        key = Ed25519PrivateKey.generate().public_key()
        return self.issuer.certify(identity, key, serial=new_serial(), now=now, lifetime=600.0, instance=instance)

    def chain(self, leaf: x509.Certificate) -> list[str]:
        """Return a chain as a broker verifies it."""
        return [pem(each).decode() for each in (leaf, self.issuer.certificate, self.root)]

    def claims(self, chain: list[str], name: str = "web", **other: Any) -> dict[str, Any]:
        """Return what a broker asks of somebody with that chain; `other` replaces parts."""
        asked: dict[str, Any] = {
            "type": "authorization_request",
            "version": 2,
            "user_nkey": self.user,
            "server_id": {"id": self.server, "name": "one", "version": "2.15.1"},
            "client_info": {"host": "127.0.0.1", "id": 8, "kind": "Client", "type": "nats"},
            "connect_opts": {"name": name, "lang": "python3", "protocol": 1},
            "client_tls": {"version": "1.3", "verified_chains": [chain]},
        }
        outer = {
            "iss": self.server,
            "sub": self.signer.name,
            "aud": "nats-authorization-request",
            "exp": int(NOW) + 10,
        }
        for part, value in other.items():
            (outer if part in outer else asked)[part] = value
        return {**outer, "nats": asked}

    def question(self, leaf: x509.Certificate | None = None, name: str = "web", **other: Any) -> bytes:
        """Return a broker's question as it is sent."""
        chain = self.chain(leaf or self.certificate())
        return token(self.broker, self.claims(chain, name, **other))
