"""A join: from what a process proves to what it gets; the journal says so before the process learns of it."""

from __future__ import annotations

import hashlib
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from crossply.wire import credential
from crossply_policy import names
from crossply_registry.authority.curve import ed25519_fault, x25519_fault
from crossply_registry.authority.identity import OWN, Identity, IdentityFault, parse
from crossply_registry.authority.issuer import Issued, WorkloadKeys
from crossply_registry.authority.refusal import Refused, forbidden, malformed, unknown
from crossply_registry.authority.signing_request import read_request

if TYPE_CHECKING:
    from crossply_registry.authority.issuing import Issuing
    from crossply_registry.authority.journal import Journal
    from crossply_registry.authority.kubernetes import Reviewer
    from crossply_registry.authority.revocations import Revocations
    from crossply_registry.authority.tokens import Tokens

LONGEST: Final = 64 * 1024
POSSESSION: Final = b"crossply-join-v1\0"
_REFUSALS_KEPT: Final = 60
_REFUSALS_WINDOW: Final = 60.0


class Join(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a process sends: who it is, one proof of that, the public keys that it made, channels it wants keys of."""

    identity: str
    instance: str
    request: str
    sign_key: bytes
    kem_key: bytes
    possession: bytes
    token: str = ""
    kubernetes: str = ""
    publishes: tuple[str, ...] = ()
    subscribes: tuple[str, ...] = ()


class Joining:
    """Lets processes join one tenant; `now` is unix seconds."""

    def __init__(
        self,
        *,
        issuing: Issuing,
        tenant: str,
        tokens: Tokens,
        revocations: Revocations,
        journal: Journal,
        reviewer: Reviewer | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._issuing = issuing
        self._tenant = tenant
        self._tokens = tokens
        self._revocations = revocations
        self._journal = journal
        self._reviewer = reviewer
        self._now = now
        self._refusals = Window(now)

    async def join(self, raw: bytes) -> Issued:
        """Return what the process gets; raise Refused, StoreUnavailable or StateFault, and then it gets nothing."""
        said: Join | None = None
        try:
            said = read(raw)
            return await self._join(said)
        except Refused as refused:
            await self.refused(refused, said)
            raise

    async def refused(self, refused: Refused, said: Join | None = None) -> None:
        """Note a refusal; beyond 60 a minute they are counted, so that nobody fills the store by being refused."""
        missed = self._refusals.take()
        if missed is None:
            return
        unseen = f" ({missed} refusals before it were not noted)" if missed else ""
        identity, instance = ("", "") if said is None else (said.identity, said.instance)
        await self._journal.append(
            "refused",
            identity=ascii(identity)[1:-1][:300],
            instance=ascii(instance)[1:-1][:40],
            reason=f"{refused.why[:500]}{unseen}",
        )

    async def _join(self, said: Join) -> Issued:
        identity = self.identity(said.identity)
        _check_instance(said.instance)
        keys = check_keys(said, identity)
        by = await self._proved(said, identity)
        await self._check_revoked(identity)
        return await self.issue(identity, said, keys, by=by)

    async def issue(
        self, identity: Identity, said: Join, keys: WorkloadKeys, *, by: str, what: str = "issued"
    ) -> Issued:
        """Return what was issued, once the store has the credential and the journal says so."""
        void = self._revocations.void_until(str(identity))
        issued = await self._issuing.issue(identity, said.instance, keys, said.publishes, said.subscribes, after=void)
        await self._journal.append(
            what,
            identity=str(identity),
            instance=said.instance,
            serial=issued.serial,
            cid=credential.cid(issued.credential),
            not_after=issued.not_after,
            by=by,
        )
        return issued

    def identity(self, text: str) -> Identity:
        """Return the identity that is asked for; raise Refused unless it is one of this tenant's services."""
        try:
            identity = parse(text)
        except IdentityFault as fault:
            raise malformed(f"identity: {fault}") from fault
        own = self._issuing.issuer.trust_domain
        if identity.trust_domain != own:
            raise forbidden(f"identity: trust domain {identity.trust_domain} is not this authority's, {own}")
        if identity.tenant != self._tenant:
            raise forbidden(f"identity: tenant {identity.tenant} is not this authority's, {self._tenant}")
        if identity.service in OWN:
            raise forbidden(f"identity: {identity.service} is a process of the mesh itself and does not join")
        return identity

    async def _proved(self, said: Join, identity: Identity) -> str:
        """Return what proved the identity, for the journal."""
        if bool(said.token) == bool(said.kubernetes):
            raise malformed("one proof is needed: token or kubernetes, not both")
        if said.token:
            token = await self._tokens.accept(said.token, identity.service)
            return f"token {token.id}"
        if self._reviewer is None:
            raise unknown("kubernetes: this authority takes no service-account tokens; set CROSSPLY_KUBERNETES")
        reviewed = await self._reviewer.review(said.kubernetes)
        if reviewed.service != identity.service:
            raise forbidden(f"kubernetes: {reviewed.account} is mapped to {reviewed.service}, not {identity.service}")
        return f"kubernetes {reviewed.account} pod {reviewed.pod} {reviewed.pod_uid}"[:300]

    async def _check_revoked(self, identity: Identity) -> None:
        await self._revocations.refresh()
        if self._revocations.verdict(str(identity)).barred:
            raise forbidden(f"{identity} is revoked; `crossply identity restore {identity.service}` lets it join again")


def read(raw: bytes) -> Join:
    """Return what a body says; raise Refused."""
    if len(raw) > LONGEST:
        raise Refused(413, f"body is longer than {LONGEST} bytes")
    try:
        return msgspec.json.decode(raw, type=Join)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise malformed(f"body is not a join: {error}") from error


def check_keys(said: Join, identity: Identity) -> WorkloadKeys:
    """Return the keys of a join; raise Refused unless each is sound and the process has the signing one."""
    if fault := ed25519_fault(said.sign_key):
        raise malformed(f"sign_key: {fault}")
    if fault := x25519_fault(said.kem_key):
        raise malformed(f"kem_key: {fault}")
    tls, der = read_request(said.request, identity)
    message = possession(str(identity), said.instance, der, said.sign_key, said.kem_key)
    try:
        Ed25519PublicKey.from_public_bytes(said.sign_key).verify(said.possession, message)
    except (InvalidSignature, ValueError) as error:
        raise malformed("possession: is not the signature of sign_key over this join") from error
    return WorkloadKeys(tls, said.sign_key, said.kem_key)


def possession(identity: str, instance: str, request: bytes, sign_key: bytes, kem_key: bytes) -> bytes:
    """Return what `sign_key` signs, so that no key is joined with another's, nor for another identity."""
    parts = (identity.encode(), instance.encode(), hashlib.sha256(request).digest(), sign_key, kem_key)
    return POSSESSION + b"".join(struct.pack(">H", len(part)) + part for part in parts)


def _check_instance(text: str) -> None:
    try:
        names.instance(text)
    except names.NameFault as fault:
        raise malformed(f"instance: {fault}") from fault


class Window:
    """Counts what happens within a minute; beyond a bound it is only counted."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._began = float("-inf")
        self._count = 0
        self._missed = 0

    def take(self) -> int | None:
        """Return how many were missed since the last one that was kept; None when this one is to be missed too."""
        now = self._now()
        if now - self._began >= _REFUSALS_WINDOW:
            self._began, self._count = now, 0
        if self._count >= _REFUSALS_KEPT:
            self._missed += 1
            return None
        self._count += 1
        missed, self._missed = self._missed, 0
        return missed
