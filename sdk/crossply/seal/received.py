"""The sessions of others: each with its key and what was seen in it; bounded, and never forgotten too early."""

from __future__ import annotations

import threading
from typing import Final

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.seal.credentials import Member
from crossply.seal.faults import Reason, SealFault
from crossply.seal.layout import SKEW
from crossply.seal.lineage import never_copied
from crossply.seal.revoked import Revoked
from crossply.seal.schedule import LENGTHS, Key, authenticated, to_sign
from crossply.seal.window import ReplayWindow

SESSIONS: Final = 16_384
EACH: Final = 64
"""How many sessions one credential may hold here; an honest sender has one in ten minutes for each key of ours."""
_SWEEP: Final = 1000


class ReceivedSession:
    """A sender's key, first used at ``began`` (unix milliseconds). ``strict``: sealed to this instance alone.

    What was sealed before ``since`` may have been seen before this began, and is not taken.
    ``unlisted`` is the list of revoked credentials that does not name its sender; one that is ``over`` was forgotten.
    """

    __slots__ = ("_names", "aead", "base", "began", "member", "over", "since", "strict", "unlisted", "window")

    def __init__(self, member: Member, key: Key, names: bytes, *, strict: bool, began: int, since: int = 0) -> None:
        self.member = member
        self.strict = strict
        self.since = since
        self.began = began
        self.window = ReplayWindow(began)
        self.unlisted: Revoked | None = None
        self.over = False
        self.aead = AESGCM(key.key)
        self.base = key.base_nonce
        self._names = names

    def __reduce_ex__(self, protocol: object) -> str:
        raise never_copied(self)

    def open(self, clear: bytes, ciphertext: bytes, subject: bytes, sequence: int) -> bytes:
        """Return what was sealed; ``clear`` is header and TLVs, ``ciphertext`` has its tag.

        Raise ``SealFault`` when any bit of it, of its head or of its subject is another.
        """
        if len(subject) >= len(LENGTHS):
            raise SealFault(Reason.MALFORMED, f"message came on a subject of {len(subject)} bytes")
        return self.decrypt(clear + self.end_of_aad(subject), ciphertext, sequence)

    def end_of_aad(self, subject: bytes) -> bytes:
        """Return what is authenticated with each message on a subject after its head."""
        return b"".join((LENGTHS[len(subject)], subject, self._names))

    def decrypt(self, aad: bytes, ciphertext: bytes, sequence: int) -> bytes:
        """Return what was sealed; raise ``SealFault`` as ``open`` does."""
        try:
            return self.aead.decrypt((self.base ^ sequence).to_bytes(12, "big"), ciphertext, aad)
        except InvalidTag:
            raise forged() from None

    def verify(self, clear: bytes, ciphertext: bytes, subject: bytes, signature: bytes) -> None:
        """Raise ``SealFault`` unless the session's own sender signed a message."""
        signed = to_sign(authenticated(clear, subject, self._names), ciphertext)
        try:
            self.member.signing.verify(signature, signed)
        except InvalidSignature:
            raise forged() from None


class ReceivedSessions:
    """Sessions by cid, kid and enc, as ``get`` takes them.

    One is forgotten only when every message in it is too old to be accepted again; and as a clock may step back, no
    session that begins from then on, or begins again, takes a message of that age.
    """

    __slots__ = ("_by_ids", "_each", "_held", "_lock", "_past", "_swept", "get", "limit")

    def __init__(self, limit: int = SESSIONS, each: int = EACH) -> None:
        self._by_ids: dict[bytes, ReceivedSession] = {}
        self.get = self._by_ids.get
        self._held: dict[bytes, int] = {}
        self.limit = limit
        self._each = each
        self._swept = 0
        self._past = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._by_ids)

    def __reduce_ex__(self, protocol: object) -> str:
        raise never_copied(self)

    def keep(self, ids: bytes, made: ReceivedSession, now: int, sealed: int) -> ReceivedSession:
        """Keep a session in which a message sealed at ``sealed`` opened; return it, or what another thread kept first.

        Two windows of one session would accept one message twice. Raise ``SealFault`` when there is no room.
        """
        with self._lock:
            known = self._by_ids.get(ids)
            if known is not None:
                return known
            if self._full(made) and (abs(now - self._swept) >= _SWEEP):
                self._sweep(now)
            if self._full(made):
                raise too_many(made.member)
            if sealed < self._past:
                raise SealFault(Reason.STALE, "message is as old as sessions that are forgotten; a clock stepped back")
            made.since = max(made.since, self._past)
            self._by_ids[ids] = made
            self._held[made.member.digest] = self._held.get(made.member.digest, 0) + 1
            return made

    def clear(self) -> None:
        """Forget all: their keys are gone."""
        for each in self._by_ids.values():
            each.over = True
        self._by_ids.clear()
        self._held.clear()

    def _full(self, made: ReceivedSession) -> bool:
        return len(self._by_ids) >= self.limit or self._held.get(made.member.digest, 0) >= self._each

    def _sweep(self, now: int) -> None:
        self._swept = now
        past = self._past = max(self._past, now - SKEW)
        for ids in [ids for ids, each in self._by_ids.items() if each.window.expire(past)]:
            self._by_ids.pop(ids).over = True
        self._held.clear()
        for each in self._by_ids.values():
            self._held[each.member.digest] = self._held.get(each.member.digest, 0) + 1


def forged() -> SealFault:
    """Return the fault of a message whose tag or signature is not its sender's."""
    return SealFault(Reason.FORGED, "message is not by the credential that it names, or not as it was sent")


def too_many(member: Member) -> SealFault:
    """Return the fault of one session more than may be begun."""
    who = f"{member.peer.service}/{member.peer.instance}"
    return SealFault(Reason.TOO_MANY_SESSIONS, f"{who} begins more sessions than this side takes")
