"""The keys of one process: made here, and never sent anywhere."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)

_LABEL = b"crossply-join-v1\0"


@dataclass(frozen=True, slots=True)
class Keys:
    """For TLS, for signatures, and to agree on secrets."""

    tls: Ed25519PrivateKey
    sign: Ed25519PrivateKey
    kem: X25519PrivateKey

    @classmethod
    def make(cls) -> Keys:
        """Return fresh ones."""
        return cls(Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate(), X25519PrivateKey.generate())

    @classmethod
    def of(cls, seeds: tuple[bytes, bytes, bytes]) -> Keys:
        """Return the keys of their seeds, 32 bytes each."""
        tls, sign, kem = seeds
        return cls(
            Ed25519PrivateKey.from_private_bytes(tls),
            Ed25519PrivateKey.from_private_bytes(sign),
            X25519PrivateKey.from_private_bytes(kem),
        )

    @property
    def seeds(self) -> tuple[bytes, bytes, bytes]:
        """Return what they are kept as."""
        return self.tls.private_bytes_raw(), self.sign.private_bytes_raw(), self.kem.private_bytes_raw()

    def request(self) -> x509.CertificateSigningRequest:
        """Return a certificate request; it names nothing, as names in it count for nothing."""
        return x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(self.tls, None)

    def possession(self, identity: str, instance: str, request: bytes) -> bytes:
        """Return the signature that ties the keys to each other and to who joins; `request` is DER."""
        parts = (
            identity.encode(),
            instance.encode(),
            hashlib.sha256(request).digest(),
            self.sign.public_key().public_bytes_raw(),
            self.kem.public_key().public_bytes_raw(),
        )
        return self.sign.sign(_LABEL + b"".join(struct.pack(">H", len(part)) + part for part in parts))

    def tls_pem(self, password: bytes) -> bytes:
        """Return the key for TLS as PEM under a password: OpenSSL reads it from a file, where it is never in clear."""
        return self.tls.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password))
