"""Who may sign revisions: keys that the authority's issuer certified for that, and for nothing else."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from crossply.identity.issued import Issued, IssuedFault, issuer_of

PURPOSE: Final = x509.ObjectIdentifier("2.25.201076348254947384869962985162474347232")
"""The one extended key usage of a certificate whose key signs revisions: with it alone, it opens no connection."""


class Signer(NamedTuple):
    """A key, and from when to when it counts, in unix seconds."""

    key: Ed25519PublicKey
    begins: float
    ends: float


class Signers:
    """The keys by which revisions are known, replaced whole; a ``VerifyKey``. ``wall`` is unix seconds.

    ``missed`` says that something came that none of them signed: the registry may have another key by now.
    """

    def __init__(self, signers: Iterable[Signer] = (), number: int = 0, wall: Callable[[], float] = time.time) -> None:
        self._signers = tuple(signers)
        self._wall = wall
        self.number = number
        self.missed = False

    def adopt(self, signers: Iterable[Signer], number: int) -> None:
        """Believe these, and no others, from now on; ``number`` is that of the list that names them."""
        self._signers, self.number, self.missed = tuple(signers), number, False

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raise ``InvalidSignature`` unless one of those that count now signed ``data``."""
        now = self._wall()
        for signer in self._signers:
            if signer.begins <= now < signer.ends:
                try:
                    signer.key.verify(signature, data)
                except InvalidSignature:
                    continue
                return
        self.missed = True
        raise InvalidSignature


def named(issued: Issued, identity: str) -> list[Signer]:
    """Return the keys that an answer names, none where it names none; raise ``IssuedFault``."""
    if not issued.registry:
        return []
    try:
        certificates = x509.load_pem_x509_certificates(issued.registry.encode())
    except ValueError as error:
        raise IssuedFault(f"the registry's certificate does not decode: {error}; {_AGAIN}") from error
    return vouched(certificates, issuer_of(issued), identity)


def vouched(certificates: Iterable[x509.Certificate], issuer: x509.Certificate, identity: str) -> list[Signer]:
    """Return the keys of certificates; raise ``IssuedFault`` unless each is for the registry's revisions alone."""
    return [_vouched(each, issuer, identity) for each in certificates]


def _vouched(held: x509.Certificate, issuer: x509.Certificate, identity: str) -> Signer:
    try:
        held.verify_directly_issued_by(issuer)
        names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        constraints = held.extensions.get_extension_for_class(x509.BasicConstraints).value
        purposes = held.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        key = held.public_key()
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound) as error:
        raise IssuedFault(f"the issuer does not vouch for the registry's key; {_AGAIN}") from error
    if constraints.ca or names.get_values_for_type(x509.UniformResourceIdentifier) != [identity]:
        raise IssuedFault(f"the registry's certificate is not that of {identity}; {_AGAIN}")
    if list(purposes) != [PURPOSE] or not isinstance(key, Ed25519PublicKey):
        raise IssuedFault(f"the registry's certificate is not for signing revisions; {_AGAIN}")
    return Signer(key, held.not_valid_before_utc.timestamp(), held.not_valid_after_utc.timestamp())


_AGAIN: Final = "run `crossply authority init` again"
