"""The folder of a running authority, as `crossply authority init` writes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply_registry.authority.callout.keys import CalloutKeys
from crossply_registry.authority.certificates import CertificateFault
from crossply_registry.authority.grant import Grant
from crossply_registry.authority.issuer import Issuer
from crossply_registry.authority.kek import Kek
from crossply_registry.authority.tokens import Token

T = TypeVar("T")

ISSUER_CONTEXT: Final = "issuer"
"""What the issuer's key is sealed for."""


class Operator(msgspec.Struct, frozen=True):
    """Who may use the operators' part of the API; the hash is `operator_hash` of the token."""

    name: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class Folder:
    """Where each file lies."""

    path: Path

    @property
    def root(self) -> Path:
        """Return where the root's certificate lies."""
        return self.path / "ca.pem"

    @property
    def issuer(self) -> Path:
        """Return where the issuer's certificate lies."""
        return self.path / "issuer.pem"

    @property
    def issuer_key(self) -> Path:
        """Return where the issuer's key lies, sealed."""
        return self.path / "issuer.key"

    @property
    def callout(self) -> Path:
        """Return where the keys lie by which brokers and authority know each other, sealed."""
        return self.path / "callout.key"

    @property
    def kek(self) -> Path:
        """Return where the key-encryption key lies, unless the environment has it."""
        return self.path / "kek"

    @property
    def tls(self) -> Path:
        """Return where the certificate of the authority's own servers and clients lies."""
        return self.path / "tls.pem"

    @property
    def tls_key(self) -> Path:
        """Return where its key lies."""
        return self.path / "tls.key"

    @property
    def tokens(self) -> Path:
        """Return where the first tokens lie, hashed."""
        return self.path / "tokens.json"

    @property
    def operators(self) -> Path:
        """Return where the operators' tokens lie, hashed."""
        return self.path / "operators.json"

    @property
    def grant(self) -> Path:
        """Return where the hash of a development mesh's grant lies; only such a mesh has one."""
        return self.path / "grant.json"

    @property
    def registry(self) -> Path:
        """Return where the certificate of the registry's signing key lies."""
        return self.path / "registry.pem"

    def read_registry(self) -> list[x509.Certificate]:
        """Return the certificates of the keys that sign revisions, newest first; raise CertificateFault."""
        if not self.registry.exists():
            return []
        try:
            return x509.load_pem_x509_certificates(self.registry.read_bytes())
        except ValueError as error:
            raise CertificateFault(f"{self.registry} holds no certificates in PEM: {error}") from error

    def read_issuer(self, kek: Kek) -> Issuer:
        """Return the issuer; raise OSError, KekFault or CertificateFault."""
        key = Ed25519PrivateKey.from_private_bytes(kek.open(self.issuer_key.read_bytes(), ISSUER_CONTEXT))
        return Issuer(certificate(self.root), certificate(self.issuer), key)

    def read_callout(self, kek: Kek) -> CalloutKeys | None:
        """Return the keys of the callout, None where there is none; raise OSError, KekFault or ValueError."""
        return CalloutKeys.opened(self.callout.read_bytes(), kek) if self.callout.exists() else None

    def read_tokens(self) -> list[Token]:
        """Return the first tokens; raise ValueError for a file that is not theirs."""
        return _listed(self.tokens, Token)

    def read_operators(self) -> list[Operator]:
        """Return the operators; raise ValueError for a file that is not theirs."""
        return _listed(self.operators, Operator)

    def read_grant(self) -> Grant | None:
        """Return the grant of a mesh for development, None elsewhere; raise ValueError for a file that is not one."""
        try:
            return msgspec.json.decode(self.grant.read_bytes(), type=Grant)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise ValueError(f"{self.grant}: {error}") from error


def operator_hash(token: str) -> bytes:
    """Return the hash under which an operator's token is kept: it is 256 random bits, so nothing slow is needed."""
    return hashlib.sha256(b"crossply-operator-v1\0" + token.encode()).digest()


def certificate(path: Path) -> x509.Certificate:
    """Return the first certificate of a PEM file; raise OSError or CertificateFault."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError as error:
        raise CertificateFault(f"{path} holds no certificate in PEM: {error}") from error


def _listed(path: Path, kind: type[T]) -> list[T]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[kind])  # type: ignore[valid-type]  # msgspec reads types at run time
    except FileNotFoundError:
        return []
    except msgspec.DecodeError as error:
        raise ValueError(f"{path}: {error}") from error
