"""X.509 as this mesh makes it: a root, an issuing authority under it, and certificates of workloads (X.509-SVID)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from crossply_policy import names
from crossply_registry.authority.identity import Identity, IdentityFault, parse

WorkloadKey = Ed25519PublicKey | EllipticCurvePublicKey

BACKDATE: Final = 300.0
"""Seconds a certificate begins before it is made, for clocks that lag."""
ROOT_LIFETIME: Final = 10 * 365 * 86_400.0
ISSUER_LIFETIME: Final = 5 * 365 * 86_400.0
_DIGITAL_SIGNATURE: Final = 0
_SIGNS_CERTIFICATES: Final = 5


class CertificateFault(ValueError):
    """A certificate is not what it should be; the message says why."""


def make_root(key: Ed25519PrivateKey, trust_domain: str, now: float) -> x509.Certificate:
    """Return the self-signed root of a trust domain."""
    name = _named(f"Crossply root of {trust_domain}")
    builder = _authority(key.public_key(), trust_domain, now, ROOT_LIFETIME, below=1)
    return builder.subject_name(name).issuer_name(name).sign(key, None)


def make_issuer(
    key: Ed25519PublicKey, root: x509.Certificate, root_key: Ed25519PrivateKey, now: float
) -> x509.Certificate:
    """Return the certificate of an issuing authority: it may certify workloads and no further authority."""
    trust_domain = trust_domain_of(root)
    builder = _authority(key, trust_domain, now, min(ISSUER_LIFETIME, _left(root, now)), below=0)
    builder = builder.subject_name(_named(f"Crossply issuer of {trust_domain}")).issuer_name(root.subject)
    return builder.add_extension(_issuer_key(root), critical=False).sign(root_key, None)


def make_workload(  # noqa: PLR0913 - the parts of a certificate
    key: WorkloadKey,
    identity: Identity,
    *,
    issuer: x509.Certificate,
    issuer_key: Ed25519PrivateKey,
    serial: int,
    now: float,
    lifetime: float,
    instance: str = "",
    hosts: Iterable[str] = (),
    after: float = 0.0,
) -> x509.Certificate:
    """Return a certificate of exactly this identity, and of this instance of it. Times in seconds.

    ``hosts`` are for the mesh's own servers. What has no instance is theirs, or of a client without the SDK. It begins
    ``after`` that moment, up to which all that the identity was issued is void.
    """
    alternatives: list[x509.GeneralName] = [x509.UniformResourceIdentifier(str(identity)), *map(_host, hosts)]
    return (
        x509.CertificateBuilder()
        .subject_name(_subject(identity, instance))
        .issuer_name(issuer.subject)
        .public_key(key)
        .serial_number(serial)
        .not_valid_before(_moment(begins(now, after)))
        .not_valid_after(_moment(now + min(lifetime, _left(issuer, now))))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=True)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(_DIGITAL_SIGNATURE), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(_issuer_key(issuer), critical=False)
        .sign(issuer_key, None)
    )


def begins(now: float, after: float = 0.0) -> int:
    """Return when something begins that is issued now: earlier, for clocks that lag, but not in what is void."""
    return max(int(now - BACKDATE), int(after) + 1)


def identity_of(certificate: x509.Certificate) -> Identity:
    """Return whom a verified workload certificate names; raise CertificateFault unless that is exactly one."""
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError) as error:
        raise CertificateFault(f"certificate lacks what a workload's has: {error}") from error
    if constraints.ca:
        raise CertificateFault("certificate is an authority's, not a workload's")
    uris = alternatives.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise CertificateFault(f"certificate names {len(uris)} identities, must name one")
    try:
        return parse(uris[0])
    except IdentityFault as fault:
        raise CertificateFault(str(fault)) from fault


def instance_of(certificate: x509.Certificate) -> str:
    """Return which instance a verified workload certificate is of, empty for none; raise CertificateFault."""
    try:
        held = [each.value for each in certificate.subject if each.oid == NameOID.SERIAL_NUMBER]
        instance = "" if not held else names.instance(str(held[0]))
        if certificate.subject == _subject(identity_of(certificate), instance):
            return instance
    except names.NameFault as fault:
        raise CertificateFault(f"certificate's subject: {fault}") from fault
    except ValueError as error:
        raise CertificateFault(f"certificate's subject cannot be read: {error}") from error
    raise CertificateFault("certificate's subject is not its tenant, its service and its instance")


def trust_domain_of(root: x509.Certificate) -> str:
    """Return the trust domain of a root or an issuing authority; raise CertificateFault."""
    try:
        alternatives = root.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound as error:
        raise CertificateFault("certificate names no trust domain") from error
    [uri] = alternatives.get_values_for_type(x509.UniformResourceIdentifier)
    return uri.removeprefix("spiffe://")


def pem(*certificates: x509.Certificate) -> bytes:
    """Return certificates as PEM, in this order."""
    return b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def key_pem(key: Ed25519PrivateKey) -> bytes:
    """Return a private key as PEM, unencrypted: the file's mode is what protects it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def pem_request(key: Ed25519PrivateKey) -> bytes:
    """Return a certificate request for a key, as PEM; it names nothing, as names in it count for nothing."""
    return (
        x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, None).public_bytes(Encoding.PEM)
    )


def expires(certificate: x509.Certificate) -> float:
    """Return when a certificate ends, in unix seconds."""
    return certificate.not_valid_after_utc.timestamp()


def _authority(
    key: Ed25519PublicKey, trust_domain: str, now: float, lifetime: float, *, below: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_moment(now - BACKDATE))
        .not_valid_after(_moment(now + lifetime))
        .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(_usage(_SIGNS_CERTIFICATES), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://{trust_domain}")]), critical=False
        )
    )


def _usage(bit: int) -> x509.KeyUsage:
    said = [place == bit for place in range(9)]
    return x509.KeyUsage(*said)


def _issuer_key(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    held = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(held)


def _named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _subject(identity: Identity, instance: str) -> x509.Name:
    """Return who it is once more: of a connection's certificate a broker tells the subject, and no other name."""
    parts = [
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, identity.tenant),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, identity.service),
    ]
    if instance:
        parts.append(x509.NameAttribute(NameOID.SERIAL_NUMBER, instance))
    return x509.Name(parts)


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(seconds))


def _left(issuer: x509.Certificate, now: float) -> float:
    return expires(issuer) - now
