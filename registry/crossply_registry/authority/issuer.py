"""The issuing authority: signs certificates and credentials of workloads, with a key that the root certified."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crossply.seal import revoked as seal_revoked
from crossply.seal.revoked import Revoked
from crossply.wire import credential
from crossply.wire.credential import Credential
from crossply_registry.authority.certificates import (
    CertificateFault,
    WorkloadKey,
    begins,
    expires,
    make_workload,
    trust_domain_of,
)
from crossply_registry.authority.identity import Identity
from crossply_registry.authority.signer_certificate import make_signer

LABEL: Final = b"crossply-cred-v1\0"
KID_LABEL: Final = b"crossply-ikid-v1\0"
BACKDATE: Final = 300
_SIGNATURE: Final = 64


@dataclass(frozen=True, slots=True)
class WorkloadKeys:
    """The public keys of one process: TLS, and raw Ed25519 and X25519."""

    tls: WorkloadKey
    sign: bytes
    kem: bytes


@dataclass(frozen=True, slots=True)
class Issued:
    """What one process got; times are unix seconds. ``keyring`` are keys that its credential's holder alone opens."""

    certificate: x509.Certificate
    credential: bytes
    serial: bytes
    not_after: int
    keyring: bytes = b""


class Issuer:
    """Holds the issuing key; raises CertificateFault for a certificate that its root did not make."""

    def __init__(self, root: x509.Certificate, certificate: x509.Certificate, key: Ed25519PrivateKey) -> None:
        _check(root, certificate, key.public_key())
        self.root = root
        self.certificate = certificate
        self.trust_domain = trust_domain_of(root)
        self.kid = hashlib.sha256(KID_LABEL + key.public_key().public_bytes_raw()).digest()[:8]
        self._key = key

    @property
    def public_key(self) -> Ed25519PublicKey:
        """Return the key that verifies what this issuer signs."""
        return self._key.public_key()

    def sign(self, label: bytes, body: bytes) -> bytes:
        """Return the signature over a body under a label: what is signed for one purpose counts for no other."""
        return self._key.sign(label + b"\0" + body)

    def sign_revoked(self, revoked: Revoked) -> bytes:
        """Return a list of what is revoked as members take it."""
        return seal_revoked.sign(revoked, self._key)

    def issue(
        self, identity: Identity, instance: str, keys: WorkloadKeys, *, now: float, lifetime: float, after: float = 0.0
    ) -> Issued:
        """Return a certificate and a credential of one serial, one beginning and one end, for the keys of one process.

        They begin ``after`` that moment, up to which all that the identity was issued is void.
        """
        serial = new_serial()
        certificate = self.certify(
            identity, keys.tls, serial=serial, now=now, lifetime=lifetime, instance=instance, after=after
        )
        not_after = int(expires(certificate))
        unsigned = Credential(
            identity=str(identity),
            instance=instance,
            not_before=begins(now, after),
            not_after=not_after,
            serial=serial,
            issuer=self.kid,
            sign_key=keys.sign,
            kem_key=keys.kem,
        )
        body = credential.pack(unsigned)[:-_SIGNATURE]
        signed = replace(unsigned, signature=self._key.sign(LABEL + body))
        return Issued(certificate, credential.pack(signed), serial, not_after)

    def certify(
        self,
        identity: Identity,
        key: WorkloadKey,
        *,
        serial: bytes,
        now: float,
        lifetime: float,
        instance: str = "",
        hosts: Iterable[str] = (),
        after: float = 0.0,
    ) -> x509.Certificate:
        """Return a certificate alone."""
        return make_workload(
            key,
            identity,
            issuer=self.certificate,
            issuer_key=self._key,
            serial=int.from_bytes(serial, "big"),
            now=now,
            lifetime=lifetime,
            instance=instance,
            hosts=hosts,
            after=after,
        )

    def certify_signer(
        self, identity: Identity, key: Ed25519PublicKey, *, now: float, lifetime: float
    ) -> x509.Certificate:
        """Return the certificate of a key that signs revisions and nothing else."""
        return make_signer(
            key,
            identity,
            issuer=self.certificate,
            issuer_key=self._key,
            serial=new_serial(),
            now=now,
            lifetime=lifetime,
        )


def new_serial() -> bytes:
    """Return 16 random bytes that X.509 reads as a positive number of 16 bytes."""
    number = secrets.randbits(126) | 1 << 126
    return number.to_bytes(16, "big")


def _check(root: x509.Certificate, certificate: x509.Certificate, key: Ed25519PublicKey) -> None:
    try:
        certificate.verify_directly_issued_by(root)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise CertificateFault("issuer's certificate was not made by this root") from error
    if not constraints.ca:
        raise CertificateFault("issuer's certificate is a workload's")
    held = certificate.public_key()
    if not isinstance(held, Ed25519PublicKey) or held.public_bytes_raw() != key.public_bytes_raw():
        raise CertificateFault("issuer's certificate is not for the issuer's key")
