"""One key that seals messages, each under a sequence of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from crossply.handler import Kind
from crossply.seal import schedule
from crossply.seal.credentials import Recipient
from crossply.seal.faults import SessionSpent
from crossply.seal.holder import Holder
from crossply.seal.layout import HEADER, MESSAGES, START, begin
from crossply.seal.lineage import Lineage, never_copied, not_ours
from crossply.seal.schedule import LENGTHS, Key, to_sign
from crossply.wire.envelope import MAX_TLVS
from crossply.wire.subjects import MAX_LENGTH as MAX_SUBJECT

LIFE: Final = 600_000
"""How long one key seals, in milliseconds."""


class Aead(Protocol):
    """What seals under one key; ``AESGCM`` is one, and a test's records what each key and nonce was used for."""

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        """Return the ciphertext with its tag."""
        ...


NewAead: TypeAlias = Callable[[bytes], Aead]


class Session:
    """A key and its sequence, 0, 1, 2, ... : never the same twice, to threads, forks and copies neither.

    ``next`` takes a number out of the sequence. Messages are sealed from ``began`` until before ``until``, in unix
    milliseconds; whoever replaces a session sets that to 0. GCM gives up plaintexts and its own key when one nonce is
    used twice; nothing else here is as dangerous.
    """

    __slots__ = (
        "_aead",
        "_base",
        "_begin",
        "_ids",
        "_lineage",
        "_mark",
        "_names",
        "_sign",
        "began",
        "introduced",
        "next",
        "until",
    )

    def __init__(
        self,
        suite: int,
        ids: bytes,
        key: Key,
        names: bytes,
        *,
        began: int,
        lineage: Lineage,
        aead: NewAead,
        sign: Ed25519PrivateKey | None = None,
    ) -> None:
        self._begin = begin(suite)
        self._ids = ids
        self._aead = aead(key.key)
        self._base = key.base_nonce
        self._names = names
        # One call into C, which under the interpreter's lock neither another thread nor a signal handler can come
        # between; a lock of our own, held by another thread, would stay locked in a forked child.
        self.next = itertools.count().__next__
        self._lineage = lineage
        self._mark = lineage.mark
        self._sign = sign
        self.began = began
        self.until = began + LIFE
        self.introduced = False

    def __reduce_ex__(self, protocol: object) -> str:
        raise never_copied(self)

    def seal(self, kind: Kind, subject: bytes, iat: int, ttl: int, mid: bytes, tlvs: bytes, content: bytes) -> bytes:
        """Return the message under the next sequence; raise ``SessionSpent`` after 2^24, ``NotOurs`` in a fork."""
        if len(subject) > MAX_SUBJECT or len(tlvs) > MAX_TLVS:
            raise ValueError(f"subject of {len(subject)} or TLVs of {len(tlvs)} bytes; 255 and 4096 are the most")
        sequence = self.next()
        head = HEADER.pack(self._begin, kind, 0, len(tlvs), self._ids, sequence, iat, ttl, mid) + tlvs
        return self.finish(head, self.end_of_aad(subject), sequence, content)

    def start(self, kind: Kind, tlvs: int) -> bytes:
        """Return the first 56 bytes of every message of a kind with so many bytes of TLVs: all up to its sequence."""
        return HEADER.pack(self._begin, kind, 0, tlvs, self._ids, 0, 0, 0, bytes(16))[:START]

    def end_of_aad(self, subject: bytes) -> bytes:
        """Return what is authenticated with each message on a subject after its head."""
        return b"".join((LENGTHS[len(subject)], subject, self._names))

    def finish(self, head: bytes, end_of_aad: bytes, sequence: int, content: bytes) -> bytes:
        """Return the message of that head; ``sequence`` is in it, comes from ``next``, and is used for this one only.

        Raise as ``seal`` does.
        """
        if self._lineage.severed:
            raise not_ours()
        if sequence >= MESSAGES:
            raise SessionSpent
        aad = head + end_of_aad
        sealed = self._aead.encrypt((self._base ^ sequence).to_bytes(12, "big"), content, aad)
        # After sealing, not before: whenever a fork came between, what the child has sealed does not leave it.
        if not self._mark[0]:
            raise not_ours()
        if self._sign is None:
            return head + sealed
        return b"".join((head, sealed, self._sign.sign(to_sign(aad, sealed))))


def pair(
    own: Holder,
    to: Recipient,
    *,
    now: int,
    lineage: Lineage,
    aead: NewAead,
    ephemeral: X25519PrivateKey,
) -> Session:
    """Return a session to one recipient; ``ephemeral`` is used for this one only. Raise ``HpkeFault`` for a bad key."""
    info = schedule.pair_info(own.digest, to.identity, to.kid)
    key, enc = schedule.encap_pair(X25519PublicKey.from_public_bytes(to.public), ephemeral, own.kem, info)
    names = schedule.names(own.identity, to.identity.encode())
    ids = b"".join((own.cid, to.kid, enc))
    return Session(schedule.PAIR, ids, key, names, began=now, lineage=lineage, aead=aead)


def group(
    own: Holder,
    shared: bytes,
    channel: bytes,
    *,
    signed: bool,
    now: int,
    lineage: Lineage,
    aead: NewAead,
    salt: bytes,
) -> Session:
    """Return a publisher's session in a channel, by its subject; ``salt`` is 32 bytes, used for this one only."""
    suite = schedule.GROUP_SIGNED if signed else schedule.GROUP
    key = schedule.group_key(suite, shared, salt, channel, own.digest)
    ids = b"".join((own.cid, schedule.group_kid(shared), salt))
    names = schedule.names(own.identity, channel)
    sign = own.signing if signed else None
    return Session(suite, ids, key, names, began=now, lineage=lineage, aead=aead, sign=sign)
