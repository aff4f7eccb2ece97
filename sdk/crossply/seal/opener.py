"""What an instance opens calls and replies with: its keys, the credentials it knows, and what it saw before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag

from crossply.handler import Kind
from crossply.seal import layout, schedule
from crossply.seal.credentials import Credentials, Member, Recipient, another, first_of
from crossply.seal.faults import Reason, SealFault
from crossply.seal.hpke import HpkeFault
from crossply.seal.layout import ENC, KID, LEAST, SKEW, Head
from crossply.seal.lineage import Lineage, never_copied, not_ours
from crossply.seal.pace import Pace
from crossply.seal.received import ReceivedSession, ReceivedSessions, forged, too_many
from crossply.seal.refusal import is_refusal
from crossply.seal.ring import Ring
from crossply.seal.sealer import unix_ms
from crossply.seal.session import LIFE
from crossply.wire.envelope import CREDENTIAL, IN_REPLY_TO, REPLY_SUBJECT, Parts
from crossply.wire.subjects import MAX_LENGTH as MAX_SUBJECT

_PAIR: Final = layout.begin(schedule.PAIR)
_LIFE: Final = LIFE + SKEW
_REQUESTS: Final = (Kind.REQUEST, Kind.PING)
_REPLIES: Final = (Kind.RESPONSE, Kind.ERROR, Kind.PONG)


@dataclass(slots=True, eq=False)
class Unsealed:
    """A message as it would be unsealed but for its suite, and the session that it came in."""

    message: bytes
    session: ReceivedSession

    @property
    def member(self) -> Member:
        """Who sent it."""
        return self.session.member

    @property
    def strict(self) -> bool:
        """Whether it was sealed to this instance alone."""
        return self.session.strict


@dataclass(slots=True, eq=False)
class Opened:
    """What a message says, who said it, and whether it was sealed to this instance alone (else to its service)."""

    parts: Parts
    member: Member
    strict: bool


class Opener:
    """The inbound half of an instance: what it opens was sealed by a member in force, to it, lately, and once.

    The windows belong to the instance: its connections come and go, and a message seen on one is known on the next.
    Every failure is a ``SealFault``. ``since`` refuses what was sealed earlier, in unix milliseconds: an instance that
    restarts with the keys it had has lost its windows. Threads may share it.
    """

    def __init__(
        self,
        ring: Ring,
        credentials: Credentials,
        lineage: Lineage,
        *,
        clock: Callable[[], int] = unix_ms,
        since: int = 0,
    ) -> None:
        self._ring = ring
        self._credentials = credentials
        self._lineage = lineage
        self._clock = clock
        self._since = since
        self.sessions = ReceivedSessions()
        self.pace = Pace()
        lineage.at_end(ring.clear)
        lineage.at_end(self.sessions.clear)

    def __reduce_ex__(self, protocol: object) -> str:
        raise never_copied(self)

    def unseal_request(self, payload: bytes, subject: bytes, reply: bytes) -> Unsealed:
        """Return the request or ping that came on ``subject`` with the reply subject ``reply``, its TLVs unread.

        Whoever reads them refuses another reply subject in TLV 9.
        """
        unsealed = self._unseal(payload, subject, _REQUESTS)
        if not reply.startswith(unsealed.member.inbox):
            raise _misdirected(unsealed.member)
        return unsealed

    def unseal_reply(self, payload: bytes, subject: bytes, to: Recipient, mid: bytes) -> Unsealed:
        """Return the response, error or pong of ``to`` that came on ``subject``, its TLVs unread.

        Whoever reads them refuses another id than ``mid`` in TLV 5. A ``SealFault`` of reason ``refused`` says that
        ``to`` could not open the message of that id, or that the broker says so.
        """
        if is_refusal(payload, mid):
            raise SealFault(Reason.REFUSED, "the request could not be opened there; that side's audit stream says why")
        unsealed = self._unseal(payload, subject, _REPLIES)
        peer = unsealed.member.peer
        if not unsealed.strict or peer.identity != to.identity or (to.instance and peer.instance != to.instance):
            raise _misdirected(unsealed.member)
        return unsealed

    def open_request(self, payload: bytes, subject: bytes, reply: bytes) -> Opened:
        """Return what ``unseal_request`` does, read, and found to name that reply subject."""
        opened = _read(self.unseal_request(payload, subject, reply))
        if opened.parts.tlvs[REPLY_SUBJECT] != reply:
            raise _misdirected(opened.member)
        return opened

    def open_reply(self, payload: bytes, subject: bytes, to: Recipient, mid: bytes) -> Opened:
        """Return what ``unseal_reply`` does, read, and found to answer the message of that id."""
        opened = _read(self.unseal_reply(payload, subject, to, mid))
        if opened.parts.tlvs[IN_REPLY_TO] != mid:
            raise _misdirected(opened.member)
        return opened

    def _unseal(self, payload: bytes, subject: bytes, kinds: tuple[Kind, ...]) -> Unsealed:
        # The order of these checks is the protocol's: what costs more, or believes more, comes later.
        if self._lineage.severed:
            raise not_ours()
        head = layout.read(payload, _PAIR, LEAST)
        kind, ids, seq, iat, ttl, _, end = head
        if kind not in kinds or (ttl == 0 and kinds is _REQUESTS):
            raise SealFault(Reason.MALFORMED, f"a message of kind {kind} and ttl {ttl} has no place here")
        clear, known = payload[:end], self.sessions.get(ids)
        if known is not None:
            if len(subject) > MAX_SUBJECT:
                raise SealFault(Reason.MALFORMED, f"message came on a subject of {len(subject)} bytes")
            content = self.open_in(known, clear, payload[end:], known.end_of_aad(subject), seq, iat)
            return Unsealed(clear + content, known)
        now = self._clock()
        if not -SKEW <= now - iat <= SKEW or iat < self._since:
            raise _stale(now, iat)
        known, content = self._begin(clear, payload[end:], subject, head, now)
        if not known.window.accept(seq, iat):
            raise _repeated(seq)
        return Unsealed(clear + content, known)

    def open_in(
        self, session: ReceivedSession, clear: bytes, ciphertext: bytes, end_of_aad: bytes, seq: int, iat: int
    ) -> bytes:
        """Return what was sealed in a session that runs, once: it is lately, whole, of a member in force, and new.

        ``clear`` is header and TLVs, which say ``seq`` and ``iat``. Raise ``SealFault``.
        """
        if self._lineage.severed:
            raise not_ours()
        now, member = self._clock(), session.member
        if not -SKEW <= now - iat <= SKEW or iat < session.since:
            raise _stale(now, iat)
        if not member.begins <= now < member.ends or self._credentials.revoked is not session.unlisted:
            self._credentials.check(member, now)
            session.unlisted = self._credentials.unlisted(member)
        if now - session.began > _LIFE:
            raise SealFault(Reason.STALE, "session is older than any sender keeps one")
        try:
            # As ``session.decrypt`` does: here every call counts.
            content = session.aead.decrypt((session.base ^ seq).to_bytes(12, "big"), ciphertext, clear + end_of_aad)
        except InvalidTag:
            raise forged() from None
        if not session.window.accept(seq, iat):
            raise _repeated(seq)
        return content

    def _begin(
        self, clear: bytes, ciphertext: bytes, subject: bytes, head: Head, now: int
    ) -> tuple[ReceivedSession, bytes]:
        _, ids, seq, iat, _, _, end = head
        raw = layout.read_tlvs(clear, end)[CREDENTIAL]

        def attempt(member: Member) -> tuple[ReceivedSession, bytes]:
            made = self._agree(member, ids, now)
            return made, made.open(clear, ciphertext, subject, seq)

        made, content = first_of(self._credentials.named(ids[:8], raw), attempt)
        return self.sessions.keep(ids, made, now, iat), content

    def _agree(self, member: Member, ids: bytes, now: int) -> ReceivedSession:
        self._credentials.check(member, now)
        found = self._ring.find(ids[KID], now)
        if found is None:
            raise SealFault(Reason.KEY_UNKNOWN, f"message is sealed to key {ids[KID].hex()}, which is not held here")
        if not self.pace.allow(member.digest, now):
            raise too_many(member)
        private, strict = found
        own = self._ring.identity
        info = schedule.pair_info(member.digest, own, ids[KID])
        try:
            key = schedule.decap_pair(ids[ENC], private, member.kem, info)
        except HpkeFault:
            raise forged() from None
        names = schedule.names(member.peer.identity, own.encode())
        return ReceivedSession(member, key, names, strict=strict, began=now, since=self._since)


def _read(unsealed: Unsealed) -> Opened:
    parts, member = layout.parts(unsealed.message), unsealed.member
    carried = parts.tlvs[CREDENTIAL]
    if carried is not None and carried != member.raw:
        raise another()
    return Opened(parts, member, unsealed.strict)


def _stale(now: int, iat: int) -> SealFault:
    return SealFault(Reason.STALE, f"message is {now - iat} ms old by this side's clock; check both clocks")


def _repeated(seq: int) -> SealFault:
    return SealFault(Reason.REPLAYED, f"message {seq} of its session came before, or too late")


def _misdirected(member: Member) -> SealFault:
    who = f"{member.peer.service}/{member.peer.instance}"
    return SealFault(Reason.MISDIRECTED, f"message of {who} is not for this subject, or not the reply asked for")
