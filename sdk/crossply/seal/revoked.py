"""Which credentials no longer hold: the authority's signed list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from crossply.seal.faults import Reason, SealFault
from crossply.seal.schedule import issuer_kid

_LABEL: Final = b"crossply-v1\0revoked"
_SERIAL: Final = 16


class Void(msgspec.Struct, frozen=True):
    """What does not hold of an identity: its credentials that began by ``until``, from ``since`` on; unix seconds.

    One that is ``barred`` gets no others: whoever says that it is this identity is not believed.
    """

    until: int
    since: int
    barred: bool = False


class Revoked(msgspec.Struct, frozen=True):
    """The list of one number: since when single credentials are revoked (unix seconds, by serial), and identities.

    Numbers only grow; a data plane keeps the highest it has seen.
    """

    number: int = 0
    since: dict[bytes, int] = {}
    identities: dict[str, Void] = {}

    def revoked_since(self, serial: bytes, identity: str, begins: int) -> int | None:
        """Return since when a credential that begins then is revoked, in unix seconds; ``None`` when it holds."""
        since = self.since.get(serial)
        void = self.identities.get(identity)
        if void is None or begins > void.until:
            return since
        return void.since if since is None else min(since, void.since)

    def revoked(self, serial: bytes, identity: str, begins: int, now: int) -> bool:
        """Return whether a credential is revoked now; a single one is from the moment on that this is known."""
        if serial in self.since:
            return True
        void = self.identities.get(identity)
        return void is not None and begins <= void.until and now >= void.since

    @property
    def barred(self) -> frozenset[str]:
        """The identities that are not to be believed at all."""
        return frozenset(identity for identity, void in self.identities.items() if void.barred)


class _Signed(msgspec.Struct, frozen=True):
    issuer: bytes
    body: bytes
    signature: bytes


def sign(revoked: Revoked, authority: Ed25519PrivateKey) -> bytes:
    """Return a list as the authority gives it out."""
    body = msgspec.msgpack.encode(revoked)
    issuer = issuer_kid(authority.public_key().public_bytes_raw())
    return msgspec.msgpack.encode(_Signed(issuer, body, authority.sign(_LABEL + body)))


def verify(raw: bytes, authorities: Mapping[bytes, Ed25519PublicKey]) -> Revoked:
    """Return the list in ``raw``; raise ``SealFault`` unless one of the authorities signed it."""
    try:
        signed = msgspec.msgpack.decode(raw, type=_Signed)
        authorities[signed.issuer].verify(signed.signature, _LABEL + signed.body)
        revoked = msgspec.msgpack.decode(signed.body, type=Revoked)
    except KeyError as error:
        raise SealFault(Reason.FORGED, "list of revoked credentials is by an authority that is not known") from error
    except InvalidSignature as error:
        raise SealFault(Reason.FORGED, "list of revoked credentials was not signed by the authority") from error
    except msgspec.DecodeError as error:
        raise SealFault(Reason.MALFORMED, f"list of revoked credentials does not decode: {error}") from error
    if any(len(serial) != _SERIAL for serial in revoked.since):
        raise SealFault(Reason.MALFORMED, "list of revoked credentials has a serial that is not 16 bytes")
    return revoked
