"""A certificate request: its key is taken, its names never; one that names anything else is refused, not corrected."""

from __future__ import annotations

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from crossply_registry.authority.certificates import WorkloadKey
from crossply_registry.authority.curve import ed25519_fault
from crossply_registry.authority.identity import Identity
from crossply_registry.authority.refusal import malformed

LONGEST: Final = 16 * 1024


def read_request(text: str, identity: Identity) -> tuple[WorkloadKey, bytes]:
    """Return the key of a PEM request, and the request's DER; raise Refused.

    A request may name nothing, or exactly the identity that is to be issued.
    """
    if len(text) > LONGEST:
        raise malformed(f"request: is {len(text)} characters long, at most {LONGEST} are read")
    try:
        request = x509.load_pem_x509_csr(text.encode())
        valid = request.is_signature_valid
        key = request.public_key()
        extensions = request.extensions
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise malformed(f"request: is no certificate request in PEM that can be read: {error}") from error
    checked = _checked_key(key)
    if not valid:
        raise malformed("request: its signature is not by its own key")
    _check_names(extensions, identity)
    return checked, request.public_bytes(Encoding.DER)


def _checked_key(key: object) -> WorkloadKey:
    if isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return key
    if isinstance(key, Ed25519PublicKey):
        if fault := ed25519_fault(key.public_bytes_raw()):
            raise malformed(f"request: its key {fault}")
        return key
    raise malformed("request: its key must be Ed25519 or P-256")


def _check_names(extensions: x509.Extensions, identity: Identity) -> None:
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            raise malformed("request: asks for an authority's certificate (CA=true); only workloads get one here")
        if isinstance(value, x509.SubjectAlternativeName):
            uris = value.get_values_for_type(x509.UniformResourceIdentifier)
            if len(list(value)) != 1 or uris != [str(identity)]:
                asked = ascii([name.value for name in value])[:300]
                raise malformed(f"request: names {asked}; leave names out, the certificate will name {identity}")
