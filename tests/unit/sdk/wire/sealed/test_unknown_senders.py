"""A message whose sender is not known here any more: looked up, and served as if it had been."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any, cast

import pytest

from benchmarks.sides import Pair, a_request
from crossply.errors import IntegrityFailed, Unauthenticated
from crossply.seal.refusal import is_refusal
from crossply.tasks import Tasks
from crossply.wire.sealed.link import SealedLink
from crossply.wire.sealed.lookup import AT_ONCE, RATE, CredentialLookup, place
from tests.unit.registry.fakes import FakeStore
from tests.unit.sdk.wire.sealed.test_calls import forget

FLOOD = 10_000
Sent = list[tuple[bytes, bytes, bytes]]


class Looking:
    """Two members whose credentials lie in the store, and what goes between them."""

    def __init__(self) -> None:
        self.pair = Pair(sealed=True)
        self.store = FakeStore()
        self.failed: list[BaseException] = []
        self.tasks = Tasks(lambda _name, error: self.failed.append(error))
        for link in (self.pair.near, self.pair.far):
            own = link.sealing.keys.own
            self.store.put(place(own.cid), own.raw)
        self.sent: Sent = []
        self._send = self.pair.broker.send
        takes = self.pair.broker.takes
        taking = next(take for at, take in takes.items() if at.startswith(b"mesh.rpc."))
        self.give(vars(owner(taking))["_sealed"], self.pair.far)
        self.give(owner(self.pair.call), self.pair.near)

    def give(self, part: object, link: SealedLink) -> None:
        """Have what serves, or calls, look up who is not known."""
        credentials = link.sealing.keys.credentials
        vars(part)["_lookup"] = CredentialLookup(self.store, credentials, time.monotonic, self.tasks)

    def noting(self, subject: bytes, payload: bytes, reply: bytes = b"", headers: bytes = b"") -> None:
        """Send, and note it."""
        self.sent.append((subject, payload, reply))
        self._send(subject, payload, reply, headers)


def owner(method: object) -> object:
    """Return the object whose method it is."""
    return cast("Any", method).__self__


@pytest.fixture
async def looking(monkeypatch: pytest.MonkeyPatch) -> Looking:
    made = Looking()
    monkeypatch.setattr(made.pair.broker, "send", made.noting)
    await made.pair.calls(2)
    made.sent.clear()
    return made


async def test_a_call_to_who_forgot_its_sender_runs_on_its_first_try_whatever_it_is(looking: Looking) -> None:
    forget(looking.pair.far)
    request = a_request()
    assert (await looking.pair.call(request)).body == request.body
    assert len(looking.sent) == 2
    assert looking.store.reads == [place(looking.pair.near.sealing.keys.own.cid)]
    await looking.pair.calls(1)
    assert len(looking.store.reads) == 1


async def test_calls_that_come_meanwhile_wait_for_the_same_answer_and_run_once_each(looking: Looking) -> None:
    forget(looking.pair.far)
    answers = await asyncio.gather(*(looking.pair.call(a_request()) for _ in range(20)))
    assert len(answers) == 20
    assert len(looking.store.reads) == 1
    assert len(looking.sent) == 40


async def test_a_copy_of_what_waits_is_not_served_either(looking: Looking) -> None:
    forget(looking.pair.far)
    asked = asyncio.ensure_future(looking.pair.call(a_request()))
    await asyncio.sleep(0)
    [(subject, payload, reply)] = looking.sent
    for _ in range(3):
        looking.noting(subject, payload, reply)
    await asked
    answers = [each for at, each, _ in looking.sent if at == reply]
    assert len(answers) == 1


async def test_a_reply_of_who_was_forgotten_is_opened(looking: Looking) -> None:
    forget(looking.pair.near)
    request = a_request()
    assert (await looking.pair.call(request)).body == request.body
    assert looking.store.reads == [place(looking.pair.far.sealing.keys.own.cid)]


@pytest.mark.parametrize("forgetful", ["near", "far"])
async def test_who_is_not_in_the_store_either_is_refused_as_ever(looking: Looking, forgetful: str) -> None:
    looking.store.entries.clear()
    link: SealedLink = getattr(looking.pair, forgetful)
    forget(link)
    with pytest.raises(Unauthenticated if forgetful == "far" else IntegrityFailed):
        await looking.pair.call(a_request())
    await looking.pair.calls(1)


async def test_ten_thousand_unknown_ids_cost_few_questions_and_each_is_refused(looking: Looking) -> None:
    await looking.pair.calls(1)
    _, payload, _ = looking.sent[0]
    looking.sent.clear()
    subject = next(at for at in looking.pair.broker.takes if at.endswith(b".quote"))
    reply, refused = looking.pair.mux.prefix + b"ffffffff", list[bytes]()
    looking.pair.broker.takes[reply] = lambda _subject, _reply, data, _headers: refused.append(data)
    began = time.monotonic()
    for _ in range(FLOOD):
        # Fresh, well formed, for a key that is held here: only who it is from, nobody knows.
        looking.noting(subject, payload[:8] + os.urandom(8) + payload[16:24] + os.urandom(32) + payload[56:], reply)
        if len(refused) % 100 == 0:
            await asyncio.sleep(0)
    for _ in range(10):
        await asyncio.sleep(0)
    assert AT_ONCE <= len(looking.store.reads) <= RATE * (2 + time.monotonic() - began)
    assert len(refused) == FLOOD
    assert all(is_refusal(each, payload[76:92]) for each in refused)
    assert looking.failed == []
    await looking.pair.calls(1)


async def test_what_is_for_no_key_of_this_instance_or_for_no_inbox_is_not_asked_about(looking: Looking) -> None:
    await looking.pair.calls(1)
    _, payload, reply = looking.sent[0]
    subject = next(at for at in looking.pair.broker.takes if at.endswith(b".quote"))
    looking.pair.broker.takes[b"elsewhere"] = _nothing
    other = payload[:8] + os.urandom(8) + payload[16:]
    for said, to in ((other[:16] + os.urandom(8) + other[24:], reply), (other, b"elsewhere")):
        looking.noting(subject, said, to)
        await asyncio.sleep(0)
    assert looking.store.reads == []


def _nothing(_subject: bytes, _reply: bytes, _data: bytes, _headers: bytes) -> None:
    """Take a message."""
