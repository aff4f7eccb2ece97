"""A forked child has no right to its parent's keys: it seals and opens nothing with them."""

from __future__ import annotations

import gc
import json
import mmap
import os
import sys
import warnings
import weakref
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from crossply.handler import Kind
from crossply.seal.faults import NotOurs
from crossply.seal.lineage import Lineage, PidMark, new_mark
from crossply.seal.session import Session
from tests.unit.sdk.seal.members import CONTENT, MID, NOW, Instance, Pair


def in_child(program: Callable[[], object]) -> object:
    """Return what ``program`` returns, or the name of what it raises, in a forked child."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that other threads do not live on in the child
        child = os.fork()
    if not child:
        try:
            said = program()
        except BaseException as error:  # noqa: BLE001 - the child must not return into pytest
            said = type(error).__name__
        os.write(writing, json.dumps(said).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


@pytest.fixture
def pair() -> Pair:
    made = Pair()
    made.open(made.request())
    return made


def test_a_child_seals_nothing_with_its_parents_keys(pair: Pair) -> None:
    assert in_child(pair.request) == NotOurs.__name__


def test_a_child_seals_nothing_in_a_session_it_still_holds(pair: Pair) -> None:
    [held] = pair.caller.sealer.sessions.values()
    assert in_child(lambda: sealed_in(held)) == NotOurs.__name__


def test_a_childs_inherited_session_does_not_even_reach_its_cipher(pair: Pair) -> None:
    used: list[bytes] = []

    class Watched:
        def __init__(self, key: bytes) -> None:
            self.inner = AESGCM(key)

        def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes, /) -> bytes:
            used.append(nonce)
            return self.inner.encrypt(nonce, data, associated_data)

    own = Instance(pair.authority, "web", "k7q2mzp4x3ab", pair.clock, aead=Watched)
    pair.caller = own
    pair.request()
    [held] = own.sealer.sessions.values()

    def trying() -> object:
        with pytest.raises(NotOurs):
            sealed_in(held)
        return len(used)

    assert in_child(trying) == 1


@pytest.mark.parametrize("page", [True, False], ids=["wiped by the kernel", "told by the process id"])
def test_a_child_seals_nothing_even_where_nobody_told_it_of_the_fork(pair: Pair, page: bool) -> None:
    """As when a signal handler forks while a message is being sealed."""
    pair.caller.lineage.mark = new_mark(page=page)
    held = pair.caller_session()

    def unaware() -> object:
        pair.caller.lineage.severed = False
        return sealed_in(held)

    assert in_child(unaware) == NotOurs.__name__
    assert sealed_in(held)


@pytest.mark.parametrize("page", [True, False])
def test_a_mark_is_one_here_and_nowhere_else(page: bool) -> None:
    mark = new_mark(page=page)
    assert (mark[0], in_child(lambda: mark[0])) == (1, 0)


def test_on_linux_a_mark_is_a_page_that_the_kernel_wipes() -> None:
    assert isinstance(Lineage().mark, mmap.mmap if sys.platform == "linux" else PidMark)


def sealed_in(held: Session) -> str:
    return held.seal(Kind.REQUEST, b"subject", NOW, 1, MID, b"", CONTENT).hex()


def test_a_child_publishes_and_opens_nothing(pair: Pair) -> None:
    payload, reply = pair.request(), pair.response()
    assert in_child(lambda: pair.open(payload)) == NotOurs.__name__
    assert in_child(lambda: pair.open_reply(reply)) == NotOurs.__name__


def test_a_childs_sessions_and_ring_are_empty(pair: Pair) -> None:
    callee, caller = pair.callee, pair.caller

    def left() -> object:
        sessions = [len(caller.sealer.sessions), len(callee.opener.sessions)]
        return [*sessions, callee.ring.find(callee.own.kid, pair.clock.now) is None]

    assert in_child(left) == [0, 0, True]
    assert callee.ring.find(callee.own.kid, pair.clock.now) is not None


def test_the_parent_goes_on(pair: Pair) -> None:
    in_child(lambda: None)
    assert pair.open(pair.request()).parts.body == b"hello"


def test_a_child_with_an_instance_of_its_own_seals(pair: Pair) -> None:
    def starting() -> object:
        pair.caller = Instance(pair.authority, "web", "k7q2mzp4x3ax", pair.clock)
        return pair.request().hex()

    payload = in_child(starting)
    assert isinstance(payload, str)
    assert pair.callee.open(bytes.fromhex(payload), b"_INBOX.web.k7q2mzp4x3ax.1f").member.peer.instance[-1] == "x"


def test_a_lineage_is_let_go_though_the_system_was_told_of_it() -> None:
    lineage = Lineage()
    gone = weakref.ref(lineage)
    del lineage
    gc.collect()
    assert gone() is None
    assert in_child(lambda: "fine") == "fine"
