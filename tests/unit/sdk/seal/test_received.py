"""The sessions of others: bounded, and none forgotten while a message in it could be accepted again."""

from __future__ import annotations

from contextlib import suppress

import pytest

from crossply.seal.credentials import Member
from crossply.seal.faults import Reason, SealFault
from crossply.seal.layout import SKEW
from crossply.seal.received import ReceivedSession, ReceivedSessions
from crossply.seal.schedule import Key
from tests.unit.sdk.seal.members import NOW, Pair, refused


@pytest.fixture
def members() -> list[Member]:
    pair = Pair()
    instances = [pair.instance("web", f"k7q2mzp4x3a{end}") for end in "abc"]
    return [pair.callee.credentials.learn(each.own.raw) for each in instances]


def session(member: Member, began: int = NOW) -> ReceivedSession:
    return ReceivedSession(member, Key(bytes(32), 0), b"", strict=True, began=began)


def test_of_two_that_keep_one_session_both_use_the_first(members: list[Member]) -> None:
    sessions, first = ReceivedSessions(), session(members[0])
    assert sessions.keep(b"ids", first, NOW, NOW) is first
    assert sessions.keep(b"ids", session(members[0]), NOW, NOW) is first
    assert sessions.get(b"ids") is first


def test_when_full_the_old_make_room_and_the_fresh_do_not(members: list[Member]) -> None:
    sessions = ReceivedSessions(limit=2)
    old, fresh = session(members[0]), session(members[1])
    sessions.keep(b"old", old, NOW, NOW)
    sessions.keep(b"fresh", fresh, NOW, NOW)
    assert refused(sessions.keep, b"third", session(members[2]), NOW + SKEW, NOW + SKEW) is Reason.TOO_MANY_SESSIONS
    assert fresh.window.accept(0, NOW + 2000)
    later = NOW + SKEW + 1001
    third = session(members[2], later)
    assert sessions.keep(b"third", third, later, later) is third
    assert (sessions.get(b"old"), sessions.get(b"fresh"), len(sessions)) == (None, fresh, 2)
    assert not old.window.accept(0, later)


def test_one_sender_fills_its_own_share_only(members: list[Member]) -> None:
    sessions = ReceivedSessions(each=2)
    for name in (b"a", b"b"):
        sessions.keep(name, session(members[0]), NOW, NOW)
    assert refused(sessions.keep, b"c", session(members[0]), NOW, NOW) is Reason.TOO_MANY_SESSIONS
    assert sessions.keep(b"d", session(members[1]), NOW, NOW) is sessions.get(b"d")
    later = NOW + SKEW + 1001
    assert sessions.keep(b"c", session(members[0], later), later, later) is sessions.get(b"c")
    assert len(sessions) == 1


def test_what_was_swept_is_looked_for_again_only_after_a_second(members: list[Member]) -> None:
    sessions = ReceivedSessions(limit=1)
    sessions.keep(b"a", session(members[0], NOW - SKEW - 500), NOW, NOW)
    assert (
        sessions.keep(b"b", session(members[1], NOW - SKEW + 100), NOW, NOW) is sessions.get(b"b") is sessions.get(b"b")
    )
    assert refused(sessions.keep, b"c", session(members[2]), NOW + 999, NOW + 999) is Reason.TOO_MANY_SESSIONS
    assert sessions.keep(b"c", session(members[2]), NOW + 1000, NOW + 1000) is sessions.get(b"c")


def test_where_sessions_were_forgotten_none_begins_with_a_message_as_old_as_theirs(members: list[Member]) -> None:
    sessions = ReceivedSessions(limit=1)
    sessions.keep(b"a", session(members[0]), NOW, NOW)
    later = NOW + SKEW + 1001
    sessions.keep(b"b", session(members[1], later), later, later)
    sessions.clear()
    back = NOW + 1000
    assert refused(sessions.keep, b"a", session(members[0], back), back, NOW) is Reason.STALE
    made = session(members[0], back)
    assert sessions.keep(b"c", made, back, later - SKEW) is made


def test_while_others_press_for_room_a_message_is_seen_or_too_old() -> None:
    pair = Pair()
    pair.callee.opener.sessions.limit = 1
    first, payload = pair.caller, pair.request()
    pair.open(payload)
    other, kept = pair.instance("stock", "m7q2mzp4x3ae"), set[bool]()
    for passed in range(1, 2 * SKEW + 2000, 250):
        pair.clock.now = NOW + passed
        pair.caller = other
        with suppress(SealFault):
            kept.add(pair.open(pair.request()).strict)
        pair.caller = first
        assert refused(pair.open, payload) in {Reason.REPLAYED, Reason.STALE}
    assert kept == {True}


def test_a_session_that_begins_again_takes_nothing_as_old_as_what_was_forgotten_with_it() -> None:
    pair = Pair()
    pair.callee.opener.sessions.limit = 1
    first, seen = pair.caller, pair.request()
    pair.open(seen)
    held_back = pair.request()
    pair.clock.now = NOW + SKEW + 1001
    pair.caller = pair.instance("stock", "m7q2mzp4x3ae")
    pair.open(pair.request())  # who needs room has the first session forgotten
    pair.callee.opener.sessions.limit = 2
    pair.caller = first
    pair.open(pair.request())  # and it begins again, under the same key
    pair.clock.now = NOW + SKEW - 1  # a clock steps back
    assert [refused(pair.open, each) for each in (seen, held_back)] == [Reason.STALE, Reason.STALE]
