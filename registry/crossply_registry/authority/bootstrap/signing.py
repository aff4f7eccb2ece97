"""The key that signs revisions: made, certified by the issuer, and followed by another when that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crossply_registry.authority.certificates import CertificateFault, expires, pem
from crossply_registry.authority.files import PUBLIC
from crossply_registry.authority.identity import Identity
from crossply_registry.authority.issuer import Issuer
from crossply_registry.authority.signer_certificate import signs

LIFETIME: Final = 5 * 365 * 86_400.0
FORMER: Final = 86_400.0
"""For how long data planes believe a key that was replaced: by then, every replica of the registry has the new one."""
_LAST_PART: Final = 1 / 3

Put = Callable[[Path, bytes, int], None]


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Where it lies: `key` holds the seed and, below it, the public keys before it, `certificates` newest first."""

    key: Path
    certificates: Path

    def ensure(self, issuer: Issuer, identity: Identity, put: Put, now: float, *, another: bool) -> None:
        """Make what is missing, certify anew in the last third of a life; `another` makes a new key in any case."""
        held = self._seed()
        if held is None or another:
            self._make(issuer, identity, put, now, held)
            return
        certificate = self._certificate(held.public_key())
        if (
            certificate is None
            or not signs(certificate)
            or certificate.issuer != issuer.certificate.subject
            or expires(certificate) - now <= LIFETIME * _LAST_PART
        ):
            made = issuer.certify_signer(identity, held.public_key(), now=now, lifetime=LIFETIME)
            put(self.certificates, pem(made), PUBLIC)

    def _make(self, issuer: Issuer, identity: Identity, put: Put, now: float, before: Ed25519PrivateKey | None) -> None:
        key = Ed25519PrivateKey.generate()
        lines = [key.private_bytes_raw().hex()]
        certificates = [issuer.certify_signer(identity, key.public_key(), now=now, lifetime=LIFETIME)]
        if before is not None:
            former = before.public_key()
            lines += [former.public_bytes_raw().hex(), *self._former()]
            certificates.append(issuer.certify_signer(identity, former, now=now, lifetime=FORMER))
        put(self.key, "".join(f"{line}\n" for line in lines).encode(), 0o600)
        put(self.certificates, pem(*certificates), PUBLIC)

    def _former(self) -> list[str]:
        return self.key.read_text("ascii").split()[1:]

    def _seed(self) -> Ed25519PrivateKey | None:
        if not self.key.exists():
            return None
        try:
            return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(self.key.read_text("ascii").split()[0]))
        except (ValueError, IndexError) as error:
            raise CertificateFault(f"{self.key} does not hold the seed of an Ed25519 key: {error}") from error

    def _certificate(self, key: Ed25519PublicKey) -> x509.Certificate | None:
        if not self.certificates.exists():
            return None
        newest = x509.load_pem_x509_certificates(self.certificates.read_bytes())[0]
        return newest if newest.public_key() == key else None
