"""Messages that are like the one before them but for one thing: what is compared whole must tell them apart."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from crossply.handler import Kind
from crossply.wire import envelope, subjects
from tests.support.arriving import TRACE
from tests.support.forging import Message
from tests.support.fuzzing import Fuzz

_REQUESTS: Final = (
    "", "session", "place", "ttl", "late", "seq", "twin", "trace", "content", "tag", "elsewhere", "said", "long",
    "ahead", "again", "behind",
)  # fmt: skip
_REPLIES: Final = ("", "session", "carried", "answered", "content", "ttl", "seq", "tag", "said", "short", "long")
_SEQUENCES: Final = {"seq": 1 << 24, "ahead": 1 << 20, "again": 1 << 20, "behind": 1 << 19}
_TAG: Final = 16


async def alike(fuzz: Fuzz) -> None:
    """Hand over a series of requests and one of replies, each odd one between good ones."""
    fuzz.weather.fair()
    for odd in _REQUESTS:
        if odd not in {"again", "behind"}:
            _request(fuzz, "")
        _request(fuzz, odd)
    fuzz.begin_anew("alike")
    for ended in (True, False):
        _request(fuzz, "")
        with fuzz.weather.out_of_force(ended=ended):
            _request(fuzz, "")
    fuzz.begin_anew("alike")
    for odd in _REPLIES:
        for introducing in (True, False):
            for each in ("", "", odd):
                await fuzz.exchange(partial(_reply, fuzz, each, introducing))


def _request(fuzz: Fuzz, odd: str) -> None:
    stage, chance = fuzz.stage, fuzz.chance
    whose = stage.twin if odd == "twin" else stage.web
    reply = subjects.inbox("web", whose.config.instance).encode() + b"%08x" % chance.randrange(1 << 32)
    subject = stage.anywhere if odd == "elsewhere" else stage.subject
    made = fuzz.message(Kind.REQUEST, subject)
    made.ttl = 5000
    place = envelope.STREAM if odd == "place" else envelope.REPLY_SUBJECT
    trace = b"\xff" * len(TRACE) if odd == "trace" else TRACE.encode()
    kind = b"\x02" if odd == "content" else b"\x01"
    made.tlvs = [
        (envelope.CONTENT_TYPE, kind), (envelope.TRACEPARENT, trace), (envelope.OPERATION, b"quote"),
        (envelope.ATTEMPT, b"\x01"), (place, reply),
    ]  # fmt: skip
    to = stage.orders.member.recipient
    held = stage.web.session(to, stage.clock) if odd == "session" else fuzz.session("alike", stage.web, to)
    match odd:
        case "ttl":
            made.ttl = 0
        case "late":
            made.ttl = 1 << 31
        case "said":
            made.metadata = b"\xff"
        case _:
            pass
    fuzz.deliver(_sealed(made, held, odd), reply, subject, changed=odd in {"tag", "long"})


def _reply(fuzz: Fuzz, odd: str, introducing: bool, inbox: bytes, mid: bytes) -> bytes:
    stage = fuzz.stage
    made = fuzz.message(Kind.RESPONSE, inbox)
    made.tlvs = [(envelope.IN_REPLY_TO, mid[::-1] if odd == "answered" else mid)]
    if odd == "content":
        made.tlvs.insert(0, (envelope.CONTENT_TYPE, b"\x02"))
    else:
        made.tlvs.insert(0, (envelope.CONTENT_TYPE, b"\x01"))
    if introducing:
        carried = stage.sibling if odd == "carried" else stage.orders
        made.tlvs.append((envelope.CREDENTIAL, carried.keys.own.raw))
    if odd == "ttl":
        made.ttl = 5
    if odd == "said":
        made.metadata = b"\x81\xaaidempotent\xc3"
    to = stage.web.member.recipient
    held = stage.orders.session(to, stage.clock) if odd == "session" else fuzz.session("alike back", stage.orders, to)
    return _sealed(made, held, odd)


def _sealed(made: Message, held: Any, odd: str) -> bytes:
    made.seq = _SEQUENCES.get(odd)
    data = made.sealed(held)
    match odd:
        case "tag":
            return data[:-1] + bytes((data[-1] ^ 1,))
        case "short":
            return data[: -len(made.body) - _TAG - 2]
        case "long":
            return data + bytes(1 << 21)
        case _:
            return data
