"""The certificate of a key that signs revisions: the issuer's, for that purpose alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crossply.identity.signers import PURPOSE
from crossply_registry.authority.certificates import BACKDATE, expires
from crossply_registry.authority.identity import Identity

_DIGITAL_SIGNATURE: Final = 0
_PLACES: Final = 9


def make_signer(
    key: Ed25519PublicKey,
    identity: Identity,
    *,
    issuer: x509.Certificate,
    issuer_key: Ed25519PrivateKey,
    serial: bytes,
    now: float,
    lifetime: float,
) -> x509.Certificate:
    """Return it; it ends with the issuer at the latest. Times in seconds."""
    above = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(int.from_bytes(serial, "big"))
        .not_valid_before(_moment(now - BACKDATE))
        .not_valid_after(_moment(min(now + lifetime, expires(issuer))))
        .add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(str(identity))]), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(*[place == _DIGITAL_SIGNATURE for place in range(_PLACES)]), critical=True)
        .add_extension(x509.ExtendedKeyUsage([PURPOSE]), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), critical=False)
        .sign(issuer_key, None)
    )


def signs(held: x509.Certificate) -> bool:
    """Return whether a certificate is for signing revisions."""
    try:
        return list(held.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [PURPOSE]
    except x509.ExtensionNotFound:
        return False


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
