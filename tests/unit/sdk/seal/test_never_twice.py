"""No key seals two messages under one nonce: over threads, forks, copies, ended sessions and renewed credentials."""

from __future__ import annotations

import copy
import os
import pickle
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.handler import MSGPACK, Kind, Request
from crossply.seal import session
from crossply.seal.credentials import Recipient
from crossply.seal.epochs import Epoch, Epochs
from crossply.seal.faults import NotOurs, SessionSpent
from crossply.seal.group import Group
from crossply.seal.schedule import group_kid
from crossply.seal.session import Session
from crossply.wire import envelope
from crossply.wire.envelope import tlv
from crossply.wire.sealed.forms import ReplyWriter, RequestWriter
from tests.unit.sdk.seal.members import CONTENT, MID, NOW, Instance, Pair

THREADS, FORKS = 8, 4
REQUEST = Request("orders.quote", id=MID)
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
USE = 32 + 12


class Record:
    """Every key and nonce that anything was sealed with, 44 bytes each; ``list.append`` is one step for threads."""

    def __init__(self) -> None:
        self.used: list[bytes] = []

    def __call__(self, key: bytes) -> Recording:
        return Recording(key, self.used)


class Recording:
    """An AEAD that writes down what it is used with."""

    def __init__(self, key: bytes, used: list[bytes]) -> None:
        self._key, self._append, self._inner = key, used.append, AESGCM(key)

    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
        self._append(self._key + nonce)
        return self._inner.encrypt(nonce, data, associated_data)


class Sending:
    """A caller whose sessions end often, and who it sends to."""

    def __init__(self) -> None:
        self.record, self.pair = Record(), Pair()
        self.caller = self._instance("k7q2mzp4x3ab")
        key = bytes(range(32))
        self.group = Group(Epochs([Epoch(0, group_kid(key), key)]), signed=False)
        self.forms: dict[Recipient, tuple[RequestWriter, ReplyWriter]] = {}
        self.to = [self.pair.callee.recipient._replace(instance=f"m7q2mzp4x3a{name}") for name in "abc"]

    def _instance(self, name: str) -> Instance:
        return Instance(self.pair.authority, "web", name, self.pair.clock, aead=self.record)

    def send(self, times: int) -> None:
        """Seal ``times`` messages, to several recipients and a channel."""
        sealer = self.caller.sealer
        for number in range(times):
            to = self.to[number % len(self.to)]
            if not number % 8:
                sealer.seal_event(self.group, b"mesh.evt.a.b", MID, b"", CONTENT)
            elif number % 2 or not self._by_form(to, number):
                sealer.seal_request(to, Kind.REQUEST, b"s", 1, MID, b"", CONTENT)
                held = sealer.session(to)
                if held is not None and number % 3 == 0:
                    self.forms[to] = forms_of(held)
            if number % 5000 == 4999:
                sealer.renew(self.caller.own)

    def _by_form(self, to: Recipient, number: int) -> bool:
        """Seal a request or a reply that is like the one before, as the wire does; return False where there is none."""
        requests, replies = self.forms.get(to, (None, None))
        if requests is None or replies is None:
            return False
        try:
            if number % 4:
                requests.seal(REQUEST, TRACE, b"1f", NOW, 1, CONTENT)
            else:
                replies.seal(b"s", MID, MID, NOW, CONTENT)
        except SessionSpent:
            self.forms.pop(to, None)
            return False
        return True

    def copied(self) -> None:
        """Try to copy what seals; what can be copied seals under the numbers that its original would have had next."""
        held = list(self.caller.sealer.sessions.values())
        for make in (copy.copy, copy.deepcopy, pickle.dumps):
            for each in (self.caller.sealer, self.caller.own, *held):
                with pytest.raises(TypeError):
                    make(each)
        for pair in list(self.forms.values()):
            for form in pair:
                for make in (copy.deepcopy, pickle.dumps):
                    with pytest.raises(TypeError):
                        make(form)
            with suppress(SessionSpent):
                copy.copy(pair[0]).seal(REQUEST, TRACE, b"1f", NOW, 1, CONTENT)

    def together(self, times: int) -> None:
        """Seal ``times`` messages in each of eight threads, while copies are tried."""
        threads = [threading.Thread(target=self.send, args=(times,)) for _ in range(THREADS)]
        for each in threads:
            each.start()
        for _ in range(50):
            self.copied()
        for each in threads:
            each.join()

    def forked(self, times: int) -> Iterator[bytes]:
        """Yield what children use, which try their parent's keys first and then have an instance of their own."""
        reading, writing = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that other threads do not live on in the child
            child = os.fork()
        if not child:
            code = 1
            try:
                code = self._in_child(times, writing)
            finally:
                os._exit(code)
        os.close(writing)
        with os.fdopen(reading, "rb") as answer:
            while use := answer.read(USE):
                yield use
        assert os.waitpid(child, 0)[1] == 0

    def _in_child(self, times: int, writing: int) -> int:
        inherited = len(self.record.used)
        with pytest.raises(NotOurs):
            self.send(1)
        for requests, replies in self.forms.values():
            with pytest.raises(NotOurs):
                requests.seal(REQUEST, TRACE, b"1f", NOW, 1, CONTENT)
            with pytest.raises(NotOurs):
                replies.seal(b"s", MID, MID, NOW, CONTENT)
        self.forms.clear()
        self.caller = self._instance("k7q2mzp4x3ax")
        self.send(times)
        with os.fdopen(writing, "wb") as said:
            said.write(b"".join(self.record.used[inherited:]))
        return 0


def forms_of(held: Session) -> tuple[RequestWriter, ReplyWriter]:
    """Return what seals requests and replies in a session that are like each other."""
    operation = tlv(envelope.OPERATION, b"quote")
    requests = RequestWriter(held, (b"", operation), b"s", b"_INBOX.web.k7q2mzp4x3ab.", 2)
    return requests, ReplyWriter(held, MSGPACK, None, b"")


def repeated(number: int) -> tuple[int, int]:
    """Seal ``number`` messages in all and return how many keys with nonces there were, and how many of them differ."""
    sending = Sending()
    half = number // 2
    sending.together(half // THREADS)
    in_forks: list[bytes] = []
    for _ in range(FORKS):
        in_forks.extend(sending.forked((number - half) // FORKS // 2))
    sending.together((number - half) // 2 // THREADS)
    assert sending.forms, "no message was sealed by its form"
    used = sending.record.used + in_forks
    return len(used), len(set(used))


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that take turns two hundred times as often as they would."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 200)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("hasty")
def test_over_a_million_messages_no_key_meets_one_nonce_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "MESSAGES", 20_000)
    used, different = repeated(1_004_000)
    assert used == different >= 1_000_000


def test_the_record_sees_a_nonce_that_is_used_twice() -> None:
    sending, ephemeral = Sending(), X25519PrivateKey.generate()
    for _ in range(2):
        careless = session.pair(
            sending.caller.own,
            sending.to[0],
            now=NOW,
            lineage=sending.caller.lineage,
            aead=sending.record,
            ephemeral=ephemeral,
        )
        careless.seal(Kind.REQUEST, b"s", NOW, 1, MID, b"", CONTENT)
    assert len(sending.record.used) == 2
    assert len(set(sending.record.used)) == 1
