"""Who sends: credentials that the authority signed, each verified once."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from crossply.handler import Peer
from crossply.seal import revoked, schedule
from crossply.seal.faults import Reason, SealFault
from crossply.seal.revoked import Revoked
from crossply.wire import credential, subjects
from crossply.wire.credential import Credential, CredentialFault
from crossply_policy import names

T = TypeVar("T")

_LABEL: Final = b"crossply-cred-v1\0"
_SIGNATURE: Final = 64
_LIMIT: Final = 4096
_SECOND: Final = 1000
_P: Final = 2**255 - 19
# The y of every point of small order on edwards25519, encodings that are not reduced included. OpenSSL takes these as
# keys, and under each of them some signature verifies anything.
_ORDER_8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER: Final = frozenset({0, 1, _ORDER_8, _P - _ORDER_8, _P - 1, _P, _P + 1})
_PROBE: Final = bytes((1,)) * 32


class Recipient(NamedTuple):
    """To whom a message is sealed: an instance, or (``instance`` empty) whichever of a service takes it."""

    identity: str
    kid: bytes
    public: bytes
    instance: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A sender whose credential was verified; ``digest`` is SHA-256 of all its bytes, times are unix milliseconds."""

    raw: bytes
    digest: bytes
    serial: bytes
    begins: int
    ends: int
    peer: Peer
    inbox: bytes
    operations: str
    kem: X25519PublicKey
    signing: Ed25519PublicKey
    recipient: Recipient


def issue(said: Credential, authority: Ed25519PrivateKey) -> bytes:
    """Return a credential signed by the authority; raise ``SealFault`` for keys of small order."""
    _check_keys(said)
    issuer = schedule.issuer_kid(authority.public_key().public_bytes_raw())
    body = credential.pack(replace(said, issuer=issuer))[:-_SIGNATURE]
    return body + authority.sign(_LABEL + body)


class Credentials:
    """The credentials of one tenant that were verified, by their bytes and by their id; bounded.

    ``authorities`` are the Ed25519 keys that may sign, by their ``issuer_kid``. An id is 64 bits and only a way to
    look: several credentials may have one, and each is kept.
    """

    def __init__(
        self,
        authorities: Mapping[bytes, Ed25519PublicKey],
        trust_domain: str,
        tenant: str,
        *,
        limit: int = _LIMIT,
        identify: Callable[[bytes], bytes] = credential.cid,
    ) -> None:
        self._authorities = dict(authorities)
        self._services = credential.identity(trust_domain, tenant, "")
        self._limit = limit
        self._identify = identify
        self._lock = threading.Lock()
        self._by_raw: dict[bytes, Member] = {}
        self._by_cid: dict[bytes, tuple[Member, ...]] = {}
        self.revoked = Revoked()

    def learn(self, raw: bytes) -> Member:
        """Return who a credential names, verified now or before; raise ``SealFault`` when it is not the authority's.

        Whether it is in force is another question: ``check``.
        """
        known = self._by_raw.get(raw)
        if known is not None:
            return known
        made = self._verify(raw)
        with self._lock:
            return self._by_raw.get(raw) or self._keep(made)

    def with_id(self, cid: bytes) -> tuple[Member, ...]:
        """Return all that are known under an id: one, none, or (ids being 64 bits) several."""
        return self._by_cid.get(cid, ())

    def named(self, cid: bytes, raw: bytes | None) -> tuple[Member, ...]:
        """Return who may have sent a message of that id; the one it carries, if it does carry one."""
        if raw is None:
            found = self._by_cid.get(cid, ())
            if not found:
                raise SealFault(Reason.CREDENTIAL_MISSING, "message carries no credential, and its id is not known")
            return found
        member = self.learn(raw)
        if self._identify(raw) != cid:
            raise SealFault(Reason.CREDENTIAL_INVALID, "message names another credential than it carries")
        return (member,)

    def check(self, member: Member, now: int) -> None:
        """Raise ``SealFault`` unless a credential is in force at ``now`` (unix milliseconds) and not revoked."""
        if not member.begins <= now < member.ends:
            raise SealFault(Reason.CREDENTIAL_EXPIRED, f"credential of {member.peer.service} is not in force")
        if self.revoked.revoked(member.serial, member.peer.identity, member.begins // _SECOND, now // _SECOND):
            raise SealFault(Reason.CREDENTIAL_REVOKED, f"credential of {member.peer.service} is revoked")

    def unlisted(self, member: Member) -> Revoked | None:
        """Return the list of what is revoked, where it does not name a member: it holds as long as that list does."""
        listed = self.revoked
        return None if self._revoked_since(member) is not None else listed

    def check_stored(self, member: Member, stored: int) -> None:
        """Raise ``SealFault`` unless a credential was in force when an event was stored (unix milliseconds)."""
        if not member.begins <= stored < member.ends:
            raise SealFault(Reason.CREDENTIAL_EXPIRED, f"credential of {member.peer.service} was not in force")
        since = self._revoked_since(member)
        if since is not None and stored >= since * _SECOND:
            raise SealFault(Reason.CREDENTIAL_REVOKED, f"credential of {member.peer.service} was revoked")

    def revoke(self, raw: bytes) -> Revoked:
        """Adopt a signed list of what is revoked; raise ``SealFault`` when it is forged or older than the one held."""
        return self.adopt(revoked.verify(raw, self._authorities))

    def adopt(self, adopted: Revoked) -> Revoked:
        """Adopt a list that was verified; raise ``SealFault`` when it is older than the one held."""
        with self._lock:
            if adopted.number < self.revoked.number:
                raise SealFault(
                    Reason.STALE,
                    f"list {adopted.number} of revoked credentials is older than {self.revoked.number}, which stays",
                )
            self.revoked = adopted
        return adopted

    def _revoked_since(self, member: Member) -> int | None:
        return self.revoked.revoked_since(member.serial, member.peer.identity, member.begins // _SECOND)

    def _keep(self, made: Member) -> Member:
        while len(self._by_raw) >= self._limit:
            self._forget(self._by_raw.pop(next(iter(self._by_raw))))
        self._by_raw[made.raw] = made
        cid = self._identify(made.raw)
        self._by_cid[cid] = (*self._by_cid.get(cid, ()), made)
        return made

    def _forget(self, member: Member) -> None:
        cid = self._identify(member.raw)
        left = tuple(each for each in self._by_cid[cid] if each is not member)
        if left:
            self._by_cid[cid] = left
        else:
            del self._by_cid[cid]

    def _verify(self, raw: bytes) -> Member:
        try:
            said = credential.unpack(raw)
            self._authorities[said.issuer].verify(said.signature, _LABEL + raw[:-_SIGNATURE])
            service = names.service(self._service(said))
            names.instance(said.instance)
        except KeyError as error:
            raise SealFault(Reason.CREDENTIAL_INVALID, "credential is by an authority that is not known") from error
        except InvalidSignature as error:
            raise SealFault(Reason.CREDENTIAL_INVALID, "credential was not signed by the authority") from error
        except (CredentialFault, names.NameFault) as error:
            raise SealFault(Reason.CREDENTIAL_INVALID, str(error)) from error
        _check_keys(said)
        return _member(raw, said, service)

    def _service(self, said: Credential) -> str:
        if not said.identity.startswith(self._services):
            raise SealFault(Reason.CREDENTIAL_INVALID, "credential is of another trust domain or tenant")
        return said.identity[len(self._services) :]


def _member(raw: bytes, said: Credential, service: str) -> Member:
    return Member(
        raw,
        hashlib.sha256(raw).digest(),
        said.serial,
        said.not_before * _SECOND,
        said.not_after * _SECOND,
        Peer(service, said.instance, said.identity, said.claimed),
        subjects.inbox(service, said.instance).encode(),
        f"{service}.",
        X25519PublicKey.from_public_bytes(said.kem_key),
        Ed25519PublicKey.from_public_bytes(said.sign_key),
        Recipient(said.identity, schedule.kid(said.kem_key), said.kem_key, said.instance),
    )


def _check_keys(said: Credential) -> None:
    if int.from_bytes(said.sign_key, "little") & ~(1 << 255) in _SMALL_ORDER:
        raise SealFault(Reason.CREDENTIAL_INVALID, f"credential of {said.identity} has a signing key of small order")
    try:
        X25519PrivateKey.from_private_bytes(_PROBE).exchange(X25519PublicKey.from_public_bytes(said.kem_key))
    except ValueError as error:
        raise SealFault(
            Reason.CREDENTIAL_INVALID, f"credential of {said.identity} has a sealing key of small order"
        ) from error


def first_of(members: Sequence[Member], attempt: Callable[[Member], T]) -> T:
    """Return the first attempt that succeeds, or raise the last one's fault: who share an id are told apart so."""
    for member in members[:-1]:
        with suppress(SealFault):
            return attempt(member)
    return attempt(members[-1])


def another() -> SealFault:
    """Return the fault of a message in one sender's session that carries another's credential."""
    return SealFault(Reason.CREDENTIAL_INVALID, "message carries another credential than its session began with")
