"""The two keys of the callout: one signs what connections may, one opens the connection that brokers ask over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply_registry.authority.callout.nkeys import Kind, public

if TYPE_CHECKING:
    from crossply_registry.authority.kek import Kek

CONTEXT: Final = "callout"
"""What the keys are sealed for."""
_SEED: Final = 32


@dataclass(frozen=True, slots=True)
class User:
    """Who the authority is to a broker that asks it."""

    key: Ed25519PrivateKey

    @property
    def name(self) -> str:
        """Return the nkey that the broker's configuration names."""
        return public(self.key, Kind.USER)

    def sign(self, nonce: bytes) -> bytes:
        """Return the signature over a nonce."""
        return self.key.sign(nonce)


@dataclass(frozen=True, slots=True)
class CalloutKeys:
    """Both; brokers know their public halves alone, so that nobody learns a secret from a broker's files."""

    issuer: Ed25519PrivateKey
    user: User

    @classmethod
    def make(cls) -> CalloutKeys:
        """Return fresh ones."""
        return cls(Ed25519PrivateKey.generate(), User(Ed25519PrivateKey.generate()))

    @classmethod
    def opened(cls, sealed: bytes, kek: Kek) -> CalloutKeys:
        """Return those of a file; raise KekFault, or ValueError for a file of something else."""
        seeds = kek.open(sealed, CONTEXT)
        issuer, user = seeds[:_SEED], seeds[_SEED:]
        return cls(Ed25519PrivateKey.from_private_bytes(issuer), User(Ed25519PrivateKey.from_private_bytes(user)))

    def sealed(self, kek: Kek) -> bytes:
        """Return what a file holds."""
        return kek.seal(self.issuer.private_bytes_raw() + self.user.key.private_bytes_raw(), CONTEXT)

    @property
    def issuer_name(self) -> str:
        """Return the nkey under which brokers know what was signed."""
        return public(self.issuer, Kind.ACCOUNT)
