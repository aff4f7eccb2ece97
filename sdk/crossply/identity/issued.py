"""What a process got from the authority, and the checks before it is believed."""

from __future__ import annotations

import secrets
import ssl
import tempfile
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import NameOID

from crossply.identity.keys import Keys
from crossply.seal.holder import Holder, holder
from crossply.seal.schedule import issuer_kid


class IssuedFault(Exception):
    """An answer, or what was kept, is not what an authority of this mesh would give this process."""


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    """An authority's answer to a join; `not_after`, and `now` by the authority's clock, are unix seconds."""

    identity: str
    instance: str
    certificate: str
    trust: str
    credential: bytes
    not_after: float
    registry: str = ""
    keyring: bytes = b""
    now: float = 0.0


def checked(issued: Issued, keys: Keys, identity: str, root: bytes) -> Issued:
    """Return it if it names this process, is for its keys, and leads to the root that was given; raise IssuedFault."""
    if issued.identity != identity:
        raise IssuedFault(f"it names {ascii(issued.identity)[:200]} instead of {identity}")
    try:
        own, issuer = x509.load_pem_x509_certificates(issued.certificate.encode())
        trusted = x509.load_pem_x509_certificate(root)
        own.verify_directly_issued_by(issuer)
        issuer.verify_directly_issued_by(trusted)
        names = own.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise IssuedFault(f"its certificate does not lead to the root: {str(error) or type(error).__name__}") from error
    if names.get_values_for_type(x509.UniformResourceIdentifier) != [identity]:
        raise IssuedFault("its certificate names somebody else")
    if [each.value for each in own.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)] != [issued.instance]:
        raise IssuedFault(f"its certificate is not of instance {issued.instance}")
    if own.public_key() != keys.tls.public_key():
        raise IssuedFault("its certificate is for another key")
    return issued


def holding(issued: Issued, keys: Keys) -> Holder:
    """Return this process as one that seals; raise IssuedFault when its credential is not for these keys."""
    try:
        return holder(issued.credential, keys.kem, keys.sign)
    except ValueError as error:
        raise IssuedFault(str(error)) from error


def issuer_of(issued: Issued) -> x509.Certificate:
    """Return the certificate of who issued it, for which the root vouches, as ``checked`` saw."""
    _, issuer = x509.load_pem_x509_certificates(issued.certificate.encode())
    return issuer


def authorities(issued: Issued) -> dict[bytes, Ed25519PublicKey]:
    """Return whose signatures count, by ``issuer_kid``: the issuer's."""
    key = issuer_of(issued).public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise IssuedFault("the issuer's key is not Ed25519")
    return {issuer_kid(key.public_bytes_raw()): key}


def trusting(root: Path) -> ssl.SSLContext:
    """Return a client's context that knows this root and no other, TLS 1.3; raise OSError or ssl.SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_verify_locations(cafile=root)
    return context


def show(context: ssl.SSLContext, issued: Issued, keys: Keys) -> None:
    """Have a context show this certificate from its next handshake on."""
    password = secrets.token_hex(32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tls"
        path.write_bytes(keys.tls_pem(password.encode()) + issued.certificate.encode())
        context.load_cert_chain(path, password=password)
