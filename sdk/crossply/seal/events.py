"""Opening events: under their channel's key, by the sender's signature, judged by the time they were stored."""

from __future__ import annotations

from typing import Final

from crossply.handler import Kind
from crossply.seal import layout, schedule
from crossply.seal.credentials import Credentials, Member, another, first_of
from crossply.seal.faults import Reason, SealFault
from crossply.seal.group import Group
from crossply.seal.layout import ENC, KID, LEAST, SIGNATURE
from crossply.seal.lineage import Lineage, never_copied, not_ours
from crossply.seal.opener import Opened
from crossply.seal.received import ReceivedSession
from crossply.wire.envelope import CREDENTIAL

_LIMIT: Final = 4096


class EventOpener:
    """The publishers' sessions that a subscriber has met; bounded, and forgotten at no risk: nothing is seen only once.

    Every failure is a ``SealFault``. Threads may share it.
    """

    def __init__(self, credentials: Credentials, lineage: Lineage) -> None:
        self._credentials = credentials
        self._lineage = lineage
        self.sessions: dict[tuple[int, bytes, bytes], ReceivedSession] = {}
        lineage.at_end(self.sessions.clear)

    def __reduce_ex__(self, protocol: object) -> str:
        raise never_copied(self)

    def open_event(self, payload: bytes, channel: bytes, group: Group, stored: int) -> Opened:
        """Return the event that was published on the subject ``channel`` and stored at ``stored`` (unix milliseconds).

        Credential and key are judged by that time. An event may come again, as events do: its ``mid`` is the same.
        """
        if self._lineage.severed:
            raise not_ours()
        suite, tail = (schedule.GROUP_SIGNED, SIGNATURE) if group.signed else (schedule.GROUP, 0)
        head = layout.read(payload, layout.begin(suite), LEAST + tail)
        kind, ids, seq, _, ttl, _, end = head
        if kind is not Kind.EVENT or ttl:
            raise SealFault(Reason.MALFORMED, f"a message of kind {kind} and ttl {ttl} is no event")
        found = layout.read_tlvs(payload, end)
        raw = found[CREDENTIAL]
        shared = group.epochs.opening(ids[KID], stored)
        clear, ciphertext = payload[:end], payload[end : len(payload) - tail]
        key = (suite, ids, channel)

        def attempt(member: Member) -> tuple[ReceivedSession, bytes]:
            self._credentials.check_stored(member, stored)
            known = self.sessions.get(key)
            if known is None or shared is None:
                known = _follow(member, key, shared)
            return known, known.open(clear, ciphertext, channel, seq)

        known = self.sessions.get(key)
        if known is not None and raw is not None and raw != known.member.raw:
            raise another()
        members = self._credentials.named(ids[:8], raw) if known is None else (known.member,)
        used, content = first_of(members, attempt)
        if tail:
            used.verify(clear, ciphertext, channel, payload[-SIGNATURE:])
        if used is not known:
            self._keep(key, used)
        return Opened(layout.parts(clear + content), used.member, strict=False)

    def _keep(self, key: tuple[int, bytes, bytes], made: ReceivedSession) -> None:
        if len(self.sessions) >= _LIMIT:
            self.sessions.clear()
        self.sessions[key] = made


def _follow(member: Member, at: tuple[int, bytes, bytes], shared: bytes | None) -> ReceivedSession:
    suite, ids, channel = at
    if shared is None:
        raise SealFault(Reason.KEY_UNKNOWN, f"event is under key {ids[KID].hex()}, which its channel had not then")
    key = schedule.group_key(suite, shared, ids[ENC], channel, member.digest)
    return ReceivedSession(member, key, schedule.names(member.peer.identity, channel), strict=False, began=0)
