"""A renewal: what a process was issued proves who it is, until that ends."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding

from crossply.wire import credential
from crossply.wire.credential import Credential, CredentialFault
from crossply_registry.authority.issuer import BACKDATE, LABEL, Issued
from crossply_registry.authority.joining import LONGEST, Join, check_keys
from crossply_registry.authority.refusal import Refused, forbidden, malformed, unknown

if TYPE_CHECKING:
    from crossply_registry.authority.issuer import Issuer
    from crossply_registry.authority.joining import Joining
    from crossply_registry.authority.revocations import Revocations

RENEW: Final = b"crossply-renew-v1\0"
_SIGNATURE: Final = 64


class Renewal(Join, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A join whose proof is a credential, and the signature of that credential's key over the new keys."""

    credential: bytes
    proof: bytes


class Renewing:
    """Renews what this mesh's authorities issued; `now` is unix seconds."""

    def __init__(
        self, issuer: Issuer, joining: Joining, revocations: Revocations, *, now: Callable[[], float] = time.time
    ) -> None:
        self._issuer = issuer
        self._joining = joining
        self._revocations = revocations
        self._now = now

    async def renew(self, raw: bytes) -> Issued:
        """Return what the process gets; raise Refused, StoreUnavailable or StateFault, and then it gets nothing."""
        said: Renewal | None = None
        try:
            said = _read(raw)
            return await self._renew(said)
        except Refused as refused:
            await self._joining.refused(refused, said)
            raise

    async def _renew(self, said: Renewal) -> Issued:
        identity = self._joining.identity(said.identity)
        held = self._verified(said.credential)
        if (held.identity, held.instance) != (said.identity, said.instance):
            raise forbidden(f"credential: is of {held.identity} {held.instance}")
        keys = check_keys(said, identity)
        _check_proof(held, said)
        await self._check_revoked(held)
        return await self._joining.issue(identity, said, keys, by=f"serial {held.serial.hex()}", what="renewed")

    async def in_force(self, raw: bytes) -> Credential:
        """Return what a credential says; raise Refused unless this issuer signed it, and it is not over or revoked."""
        held = self._verified(raw)
        await self._check_revoked(held)
        return held

    async def _check_revoked(self, held: Credential) -> None:
        verdicts = await self._revocations.refresh()
        verdict = verdicts.get(held.identity)
        if verdict is not None and (verdict.barred or held.not_before + BACKDATE <= verdict.before):
            raise forbidden(f"{held.identity}: what it was issued is revoked; it may join anew unless it is barred")

    def _verified(self, raw: bytes) -> Credential:
        try:
            held = credential.unpack(raw)
            self._issuer.public_key.verify(held.signature, LABEL + raw[:-_SIGNATURE])
        except (CredentialFault, InvalidSignature) as error:
            raise unknown("credential: is not one that this issuer signed") from error
        if held.not_after <= self._now():
            raise unknown("credential: has ended; join anew with a token")
        return held


def _read(raw: bytes) -> Renewal:
    if len(raw) > LONGEST:
        raise Refused(413, f"body is longer than {LONGEST} bytes")
    try:
        return msgspec.json.decode(raw, type=Renewal)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise malformed(f"body is not a renewal: {error}") from error


def _check_proof(held: Credential, said: Renewal) -> None:
    der = x509.load_pem_x509_csr(said.request.encode()).public_bytes(Encoding.DER)
    message = RENEW + hashlib.sha256(der).digest() + said.sign_key + said.kem_key
    try:
        Ed25519PublicKey.from_public_bytes(held.sign_key).verify(said.proof, message)
    except (InvalidSignature, ValueError) as error:
        raise unknown("proof: is not the signature of the credential's key over the new keys") from error
