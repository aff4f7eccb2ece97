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
from crossply.seal.layout import ENC, KID, LEAST, SIZE, SKEW, Head
from crossply.seal.lineage import Lineage, never_copied, not_ours
from crossply.seal.pace import Pace
from crossply.seal.received import ReceivedSession, ReceivedSessions, forged, too_many
from crossply.seal.refusal import is_refusal
from crossply.seal.ring import Ring
from crossply.seal.sealer import unix_ms
from crossply.seal.session import LIFE
from crossply.wire.envelope import CREDENTIAL, IN_REPLY_TO, REPLY_SUBJECT, EnvelopeFault, Parts, read_tlvs

_PAIR: Final = layout.begin(schedule.PAIR)
_LIFE: Final = LIFE + SKEW
_REQUESTS: Final = (Kind.REQUEST, Kind.PING)
_REPLIES: Final = (Kind.RESPONSE, Kind.ERROR, Kind.PONG)


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

    def open_request(self, payload: bytes, subject: bytes, reply: bytes) -> Opened:
        """Return the request or ping that came on ``subject`` with the reply subject ``reply``."""
        opened = self._open(payload, subject, _REQUESTS)
        member = opened.member
        if opened.parts.tlvs[REPLY_SUBJECT] != reply or not reply.startswith(member.inbox):
            raise SealFault(Reason.MISDIRECTED, f"reply subject is not one of {member.peer.service}'s, or not as sent")
        return opened

    def open_reply(self, payload: bytes, subject: bytes, to: Recipient, mid: bytes) -> Opened:
        """Return the response, error or pong of ``to`` to the message of id ``mid``, that came on ``subject``.

        A ``SealFault`` of reason ``refused`` says that ``to`` could not open the request, or that the broker says so.
        """
        if is_refusal(payload, mid):
            raise SealFault(Reason.REFUSED, "the request could not be opened there; that side's audit stream says why")
        opened = self._open(payload, subject, _REPLIES)
        peer = opened.member.peer
        if (
            not opened.strict
            or opened.parts.tlvs[IN_REPLY_TO] != mid
            or peer.identity != to.identity
            or (to.instance and peer.instance != to.instance)
        ):
            raise SealFault(Reason.MISDIRECTED, f"message of {peer.service}/{peer.instance} is not the reply asked for")
        return opened

    def _open(self, payload: bytes, subject: bytes, kinds: tuple[Kind, ...]) -> Opened:
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
        try:
            found = read_tlvs(payload, SIZE, end)
        except EnvelopeFault as fault:
            raise layout.malformed(fault) from fault
        raw = found[CREDENTIAL]
        known = self.sessions.get(ids)
        if known is None:
            known, content = self._begin(payload, subject, head, raw, now)
        else:
            member = known.member
            if raw is not None and raw != member.raw:
                raise another()
            self._credentials.check(member, now)
            if now - known.began > _LIFE:
                raise SealFault(Reason.STALE, "session is older than any sender keeps one")
            content = known.open(payload[:end], payload[end:], subject, seq)
        if not known.window.accept(seq, iat):
            raise SealFault(Reason.REPLAYED, f"message {seq} of its session came before, or too late")
        return Opened(layout.parts(head, found, content), known.member, known.strict)

    def _begin(
        self, payload: bytes, subject: bytes, head: Head, raw: bytes | None, now: int
    ) -> tuple[ReceivedSession, bytes]:
        _, ids, seq, iat, _, _, end = head

        def attempt(member: Member) -> tuple[ReceivedSession, bytes]:
            made = self._agree(member, ids, now)
            return made, made.open(payload[:end], payload[end:], subject, seq)

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
