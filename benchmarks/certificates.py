"""Throw-away certificates for the peers that speak mutual TLS."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ADDRESS = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Files:
    """Where an authority's certificate lies, and a certificate for ``ADDRESS`` that it signed, with its key."""

    authority: Path
    certificate: Path
    key: Path


def files(folder: str) -> Files:
    """Return where ``write`` puts them."""
    return Files(Path(folder, "authority.pem"), Path(folder, "certificate.pem"), Path(folder, "key.pem"))


def write(folder: str) -> Files:
    """Write an authority and one certificate for both ends, as P-256 keys, which Istio and Linkerd use as well."""
    found = files(folder)
    root, leaf = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    authority = _describe("authority", root).add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(ADDRESS))])
    certificate = _describe("peer", leaf).add_extension(names, critical=False)
    found.authority.write_bytes(authority.sign(root, SHA256()).public_bytes(Encoding.PEM))
    found.certificate.write_bytes(certificate.sign(root, SHA256()).public_bytes(Encoding.PEM))
    found.key.write_bytes(leaf.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return found


def _describe(subject: str, key: EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return x509.CertificateBuilder(
        subject_name=_name(subject),
        issuer_name=_name("authority"),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - timedelta(minutes=1),
        not_valid_after=now + timedelta(days=1),
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])
