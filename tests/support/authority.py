"""A certificate authority of one test: it issues what brokers and services show each other."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from crossply.tls import TlsFiles

DAY = timedelta(days=1)


class Authority:
    """``issue`` writes certificate and key; all its files lie in ``directory``."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key = generate_private_key(SECP256R1())
        self.ca = directory / "ca.pem"
        extension = x509.BasicConstraints(ca=True, path_length=0)
        made = self._describe("authority", self._key, DAY).add_extension(extension, critical=True)
        self.ca.write_bytes(made.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, *hosts: str, valid: timedelta = DAY, to: TlsFiles | None = None) -> TlsFiles:
        """Write a certificate for ``hosts`` that ends after ``valid``, in place of that at ``to`` if it is given."""
        key = generate_private_key(SECP256R1())
        made = self._describe(name, key, valid)
        if hosts:
            made = made.add_extension(x509.SubjectAlternativeName([_host(each) for each in hosts]), critical=False)
        found = to or TlsFiles(
            ca=self.ca, certificate=self._directory / f"{name}.pem", key=self._directory / f"{name}.key"
        )
        assert found.certificate is not None
        assert found.key is not None
        found.certificate.write_bytes(made.sign(self._key, SHA256()).public_bytes(Encoding.PEM))
        found.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return found

    def broker(self, *hosts: str, valid: timedelta = DAY) -> str:
        """Return the lines that have a nats-server for ``hosts`` demand certificates of this authority."""
        files = self.issue("broker", *hosts, valid=valid)
        return f"""
tls {{
  ca_file: "{files.ca}"
  cert_file: "{files.certificate}"
  key_file: "{files.key}"
  verify: true
  timeout: 5
}}
"""

    def _describe(self, subject: str, key: EllipticCurvePrivateKey, valid: timedelta) -> x509.CertificateBuilder:
        until = datetime.now(UTC) + valid
        return x509.CertificateBuilder(
            subject_name=_name(subject),
            issuer_name=_name("authority"),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=until - 2 * DAY,
            not_valid_after=until,
        )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
