"""What an instance opens calls and replies with: its keys, the credentials it knows, and what it saw before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

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

_PAIR: Final = layout.begin(schedule.PAIR)
_LIFE: Final = LIFE + SKEW
_REQUESTS: Final = (Kind.REQUEST, Kind.PING)
_REPLIES: Final = (Kind.RESPONSE, Kind.ERROR, Kind.PONG)


@dataclass(slots=True, eq=False)
class Unsealed:
    """A message as it would be unsealed but for its suite, who sent it, and whether to this instance alone."""

    message: bytes
    member: Member
    strict: bool


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
        now = self._clock()
        head = layout.read(payload, _PAIR, LEAST)
        kind, ids, seq, iat, ttl, _, end = head
        if kind not in kinds or (ttl == 0 and kinds is _REQUESTS):
            raise SealFault(Reason.MALFORMED, f"a message of kind {kind} and ttl {ttl} has no place here")
        if not -SKEW <= now - iat <= SKEW or iat < self._since:
            raise SealFault(Reason.STALE, f"message is {now - iat} ms old by this side's clock; check both clocks")
        clear = payload[:end]
        known = self.sessions.get(ids)
        if known is None:
            known, content = self._begin(clear, payload[end:], subject, head, now)
        else:
            self._credentials.check(known.member, now)
            if now - known.began > _LIFE:
                raise SealFault(Reason.STALE, "session is older than any sender keeps one")
            content = known.open(clear, payload[end:], subject, seq)
        if not known.window.accept(seq, iat):
            raise SealFault(Reason.REPLAYED, f"message {seq} of its session came before, or too late")
        return Unsealed(clear + content, known.member, known.strict)

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
        return ReceivedSession(member, key, names, strict=strict, began=now)


def _read(unsealed: Unsealed) -> Opened:
    parts, member = layout.parts(unsealed.message), unsealed.member
    carried = parts.tlvs[CREDENTIAL]
    if carried is not None and carried != member.raw:
        raise another()
    return Opened(parts, member, unsealed.strict)


def _misdirected(member: Member) -> SealFault:
    who = f"{member.peer.service}/{member.peer.instance}"
    return SealFault(Reason.MISDIRECTED, f"message of {who} is not for this subject, or not the reply asked for")
