"""This instance as one that seals: its credential, and the private keys that the credential names."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from crossply.seal.lineage import never_copied
from crossply.seal.schedule import kid
from crossply.wire import credential, envelope


@dataclass(frozen=True, slots=True, eq=False)
class Holder:
    """A credential with its keys; replaced whole when it is renewed. ``credential`` is the TLV that introduces it."""

    raw: bytes
    digest: bytes
    cid: bytes
    kid: bytes
    identity: str
    kem: X25519PrivateKey
    signing: Ed25519PrivateKey
    credential: bytes

    def __reduce_ex__(self, protocol: object) -> str:
        raise never_copied(self)


def holder(raw: bytes, kem: X25519PrivateKey, signing: Ed25519PrivateKey) -> Holder:
    """Return who holds a credential; raise ``ValueError`` when the keys are not those that it names."""
    said = credential.unpack(raw)
    public = kem.public_key().public_bytes_raw()
    if (said.kem_key, said.sign_key) != (public, signing.public_key().public_bytes_raw()):
        raise ValueError(f"credential of {said.identity} names other keys than these; join again")
    return Holder(
        raw,
        hashlib.sha256(raw).digest(),
        credential.cid(raw),
        kid(public),
        said.identity,
        kem,
        signing,
        envelope.tlv(envelope.CREDENTIAL, raw),
    )
