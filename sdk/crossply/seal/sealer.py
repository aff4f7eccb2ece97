"""What an instance seals with: a session for each recipient, and for each channel it publishes on."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.handler import Kind
from crossply.seal import session
from crossply.seal.credentials import Recipient
from crossply.seal.faults import SessionSpent
from crossply.seal.group import Group
from crossply.seal.holder import Holder
from crossply.seal.layout import MAX_TTL
from crossply.seal.lineage import Lineage, never_copied, not_ours
from crossply.seal.session import NewAead, Session

_LIMIT: Final = 16_384
_SALT: Final = 32
_Key = Recipient | tuple[bytes, bytes, bool]


def unix_ms() -> int:
    """Return the wall clock in unix milliseconds."""
    return time.time_ns() // 1_000_000


class Sealer:
    """The sessions that one instance seals in, bounded; each ends after ten minutes or 2^24 messages.

    To leave one out early is always safe: the next has a key of its own. Threads may share it.
    """

    def __init__(
        self, own: Holder, lineage: Lineage, *, clock: Callable[[], int] = unix_ms, aead: NewAead = AESGCM
    ) -> None:
        self._own = own
        self._lineage = lineage
        self._clock = clock
        self._aead = aead
        self.sessions: dict[_Key, Session] = {}
        self._lock = threading.Lock()
        lineage.at_end(self.sessions.clear)

    def __reduce_ex__(self, protocol: object) -> str:
        raise never_copied(self)

    def renew(self, own: Holder) -> None:
        """Seal with a renewed credential from now on."""
        with self._lock:
            self._own = own
            for each in self.sessions.values():
                each.until = 0
            self.sessions.clear()

    def session(self, to: Recipient) -> Session | None:
        """Return the session that runs with ``to``, for whoever seals messages in it that are like each other."""
        return self.sessions.get(to)

    def introduction(self, to: Recipient) -> bytes:
        """Return TLV 7, or nothing when the recipient has shown that it knows this instance's credential.

        A service's key is shared: what one instance knows, another need not.
        """
        known = self.sessions.get(to)
        return b"" if known is not None and known.introduced and to.instance else self._own.credential

    def introduced(self, to: Recipient) -> None:
        """Remember that a reply of ``to`` opened: it knows this instance's credential."""
        known = self.sessions.get(to)
        if known is not None:
            known.introduced = True

    def forgotten(self, to: Recipient) -> None:
        """Begin again with ``to``, which refused a message, or whose reply did not open."""
        if not self._lineage.severed:
            with self._lock:
                self._end(to)

    def seal_request(
        self, to: Recipient, kind: Kind, subject: bytes, ttl: int, mid: bytes, tlvs: bytes, content: bytes
    ) -> bytes:
        """Return a request or ping to ``to``, sealed; ``ttl`` is 1 to 3,600,000 milliseconds.

        ``content`` is u16 length and the metadata, then the body. Raise ``HpkeFault`` for a recipient's bad key.
        """
        if not 0 < ttl <= MAX_TTL:
            raise ValueError(f"ttl of {ttl} ms is not within 1 to {MAX_TTL}; a request ends at its deadline")
        return self._seal(to, kind, subject, ttl, mid, tlvs, content)

    def seal_reply(self, to: Recipient, kind: Kind, subject: bytes, mid: bytes, tlvs: bytes, content: bytes) -> bytes:
        """Return a response, error or pong to the instance that asked, sealed to its own key."""
        return self._seal(to, kind, subject, 0, mid, tlvs, content)

    def seal_event(self, group: Group, channel: bytes, mid: bytes, tlvs: bytes, content: bytes) -> bytes:
        """Return an event, sealed; ``channel`` is the subject it is published on.

        Seal an event once: what is sent again are the same bytes.
        """
        now = self._clock()
        key = (group.epochs.sealing(now).key, channel, group.signed)
        known = self.sessions.get(key)
        if known is None or not known.began <= now < known.until:
            known = self._publish(key, now)
        try:
            return known.seal(Kind.EVENT, channel, now, 0, mid, tlvs, content)
        except SessionSpent:
            return self._publish(key, now).seal(Kind.EVENT, channel, now, 0, mid, tlvs, content)

    def _seal(
        self, to: Recipient, kind: Kind, subject: bytes, ttl: int, mid: bytes, tlvs: bytes, content: bytes
    ) -> bytes:
        now = self._clock()
        known = self.sessions.get(to)
        if known is None or not known.began <= now < known.until:
            known = self._begin(to, now, known)
        try:
            return known.seal(kind, subject, now, ttl, mid, tlvs, content)
        except SessionSpent:
            return self._begin(to, now, known).seal(kind, subject, now, ttl, mid, tlvs, content)

    def _begin(self, to: Recipient, now: int, before: Session | None) -> Session:
        if self._lineage.severed:
            raise not_ours()
        made = session.pair(
            self._own,
            to,
            now=now,
            lineage=self._lineage,
            aead=self._aead,
            ephemeral=X25519PrivateKey.generate(),
        )
        made.introduced = before is not None and before.introduced
        return self._keep(to, made)

    def _publish(self, key: tuple[bytes, bytes, bool], now: int) -> Session:
        if self._lineage.severed:
            raise not_ours()
        shared, channel, signed = key
        made = session.group(
            self._own,
            shared,
            channel,
            signed=signed,
            now=now,
            lineage=self._lineage,
            aead=self._aead,
            salt=secrets.token_bytes(_SALT),
        )
        return self._keep(key, made)

    def _keep(self, key: _Key, made: Session) -> Session:
        with self._lock:
            self._end(key)  # so that their order is that of their age
            if len(self.sessions) >= _LIMIT:
                self._end(next(iter(self.sessions)))
            self.sessions[key] = made
        return made

    def _end(self, key: _Key) -> None:
        ended = self.sessions.pop(key, None)
        if ended is not None:
            ended.until = 0  # whoever still holds it
