"""A process that wants to join, and an attacker who says what no honest one does."""

from __future__ import annotations

import hashlib
import json
import struct
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

ORDERS = "spiffe://mesh.local/t/default/svc/orders"
INSTANCE = "k7q2mzp4x3ab"


def request(key: Any, *names: x509.GeneralName, ca: bool = False, subject: str = "") -> x509.CertificateSigningRequest:
    """Return a certificate request that names what it is told to."""
    attributes = [x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)] if subject else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(attributes))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, None if isinstance(key, Ed25519PrivateKey) else SHA256())


def uri(text: str) -> x509.UniformResourceIdentifier:
    """Return a name, whatever it says: pyca's own check is for honest people."""
    name = x509.UniformResourceIdentifier("placeholder")
    vars(name)["_value"] = text
    return name


@dataclass
class Joiner:
    """Fresh keys, and the body of a join with them; `signed` is what it says that its signing key is."""

    identity: str = ORDERS
    instance: str = INSTANCE
    tls: Any = field(default_factory=Ed25519PrivateKey.generate)
    sign: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    kem: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)

    def body(self, token: str = "", **other: Any) -> dict[str, Any]:
        """Return the join as JSON values; `other` replaces fields of it."""
        csr = other.pop("csr", None) or request(self.tls)
        sign_key, kem_key = self.sign.public_key().public_bytes_raw(), self.kem.public_key().public_bytes_raw()
        parts = (
            self.identity.encode(),
            self.instance.encode(),
            hashlib.sha256(csr.public_bytes(Encoding.DER)).digest(),
            sign_key,
            kem_key,
        )
        message = b"crossply-join-v1\0" + b"".join(struct.pack(">H", len(part)) + part for part in parts)
        said = {
            "identity": self.identity,
            "instance": self.instance,
            "request": csr.public_bytes(Encoding.PEM).decode(),
            "sign_key": b64encode(sign_key).decode(),
            "kem_key": b64encode(kem_key).decode(),
            "possession": b64encode(self.sign.sign(message)).decode(),
        }
        if token:
            said["token"] = token
        return {**said, **other}

    def raw(self, token: str = "", **other: Any) -> bytes:
        """Return the join as it is sent."""
        return json.dumps(self.body(token, **other)).encode()
