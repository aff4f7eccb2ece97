"""10,000 wrong messages and credentials, most with right tags, given to what the wire gives them to on arrival.

Whatever comes, nothing is raised but what a caller is to be told, whoever waits is answered, and every branch of what
reads messages is taken.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import CodeType

from tests.support.alike import alike
from tests.support.branches import Branches, codes_of
from tests.support.fuzzing import Fuzz

SEED = 20261125
REQUESTS, REPLIES, EVENTS, CREDENTIALS, KEPT = 4200, 3100, 1500, 900, 300
WEATHER = 12
"""After so many messages it changes."""
ALIKE = 1000
"""After so many come series of messages that are like the one before but for one thing."""

DECODERS = {
    "crossply.seal.credentials": ("Credentials", "_member", "_check_keys", "first_of"),
    "crossply.seal.events": ("EventOpener.open_event", "EventOpener._keep", "_follow"),
    "crossply.seal.kept": ("Keeper.open", "Keeper.sealed"),
    "crossply.seal.layout": ("read", "read_tlvs", "parts"),
    "crossply.seal.opener": (
        "Opener.unseal_request",
        "Opener.unseal_reply",
        "Opener._unseal",
        "Opener.open_in",
        "Opener._check_age",
        "Opener._begin",
        "Opener._agree",
    ),
    "crossply.seal.received": (
        "ReceivedSession",
        "ReceivedSessions.keep",
        "ReceivedSessions._full",
        "ReceivedSessions._sweep",
    ),
    "crossply.seal.refusal": ("is_refusal",),
    "crossply.seal.ring": ("Ring.find",),
    "crossply.seal.window": ("ReplayWindow",),
    "crossply.wire.content_types": ("read",),
    "crossply.wire.credential": ("unpack", "_names", "Credential"),
    "crossply.wire.envelope": ("read_tlvs", "text"),
    "crossply.wire.message": ("unpack_request", "response_of", "ids_in"),
    "crossply.wire.metadata": ("unpack_request", "unpack_reply", "facts_of", "failure_of"),
    "crossply.wire.sealed.calling": ("SealedCaller._unsealed", "SealedCaller._read", "SealedCaller._refused", "_parts"),
    "crossply.wire.sealed.events": ("SealedEvents.takes", "SealedEvents.open", "SealedEvents._open"),
    "crossply.wire.sealed.forms": ("RequestReader", "ReplyReader", "_tlv", "_has_only"),
    "crossply.wire.sealed.serving": (
        "SealedServer.takes",
        "SealedServer.open",
        "SealedServer._read",
        "SealedServer._refuse",
        "SealedServer._refuse_unsealed",
    ),
}
"""What reads messages and credentials, by module: functions, or classes with all of theirs."""
FULL = "it takes thousands of senders, or of operations, to fill what is then cleared"
FORKED = "of a forked child: tests/unit/sdk/seal/test_lineage.py"
RACE = "of two threads the later: tests/unit/sdk/seal/test_received.py"
EXCEPT = {
    ("Credentials.learn", "return self._by_raw.get(raw) or self._keep(made)"): RACE,
    ("EventOpener._keep", "if len(self.sessions) >= _LIMIT:"): FULL,
    ("EventOpener.open_event", "if self._lineage.severed:"): FORKED,
    ("Opener._unseal", "if self._lineage.severed:"): FORKED,
    ("ReceivedSessions.keep", "if known is not None:"): RACE,
    ("read", "return MSGPACK if not value else CODES.get(value) or envelope.text(value) or MSGPACK"): (
        "text of some bytes is some text"
    ),
    ("unpack_request", "if not raw:"): "who reads a message asks first, to save the call",
    ("SealedCaller._read", "if len(place.replies) >= _FORMS:"): FULL,
    ("Opener.open_in", "if self._lineage.severed:"): FORKED,
    ("Opener._unseal", "if not known.window.accept(seq, iat):"): RACE,
    ("RequestReader.__init__", 'reply = first.tlvs[envelope.REPLY_SUBJECT] or b""'): "what fits has one",
    ("SealedServer.open", "if not (missing and self._set_aside(subject, reply, data, now)):"): (
        "of senders that are looked up: tests/unit/sdk/wire/sealed/test_unknown_senders.py"
    ),
    ("SealedServer._refuse", "if isinstance(fault, SealFault) and fault.reason is Reason.REPLAYED:"): (
        "every fault that opening has is a SealFault"
    ),
}
"""Branches that no message takes, by function and line, and why; one way out of each."""


def decoders() -> Iterator[CodeType]:
    for module, functions in DECODERS.items():
        for code in codes_of(importlib.import_module(module)):
            name = code.co_qualname.partition(".<locals>")[0]
            if name in functions or name.partition(".")[0] in functions:
                yield code


async def test_ten_thousand_wrong_messages_are_refused_and_every_branch_of_what_reads_them_is_taken() -> None:
    fuzz = Fuzz(SEED)
    todo = [*"q" * REQUESTS, *"r" * REPLIES, *"e" * EVENTS, *"c" * CREDENTIALS, *"k" * KEPT]
    fuzz.chance.shuffle(todo)
    with Branches(decoders()) as branches:
        for number, each in enumerate(todo):
            if not number % WEATHER:
                fuzz.weather.change()
            if not number % ALIKE:
                await alike(fuzz)
            match each:
                case "q":
                    fuzz.request()
                case "r":
                    await fuzz.reply()
                case "e":
                    fuzz.event()
                case "c":
                    fuzz.credential()
                case _:
                    fuzz.kept()
    assert fuzz.stage.raised == []
    assert set(fuzz.outcomes) >= {"ran", "answered", "heard", "believed", "kept", "Pong.ALIVE", "unauthenticated"}, (
        "none is right"
    )
    missing = [each for each in branches.missing if (each.name, each.text) not in EXCEPT]
    assert not missing, "no message takes these:\n" + "\n".join(map(str, missing))
    assert len(branches.missing) == len(EXCEPT), "one of these is taken after all, or missed in more than one way"
    await fuzz.stage.tasks.aclose()


def taken(numbers: list[int]) -> int:
    found = 0
    for number in numbers:
        if number > 1 or number < -1:
            found += 1
    return found


def test_a_branch_that_nothing_takes_is_missed_and_one_that_is_taken_is_not() -> None:
    outcomes: list[tuple[int, int]] = []
    for numbers in ([0], [2], [2, -2], [0, 2, -2]):
        with Branches([taken.__code__]) as branches:
            taken(numbers)
        outcomes.append((branches.number, len(branches.missing)))
    assert outcomes == [(6, 2), (6, 3), (6, 1), (6, 0)]
