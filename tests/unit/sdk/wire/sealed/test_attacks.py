"""Whoever holds the wire changes, cuts, mixes and moves sealed requests: nothing of that runs.

Through the parts that a link reads with: opener, decoder, and the forms of messages like the one before.
"""

from __future__ import annotations

import time

import pytest

from benchmarks.sides import a_request
from crossply.handler import Kind, Request
from crossply.names import new_id
from tests.unit.sdk.wire.sealed.held import FIELDS, Frame, Wire, flips, met, swapped


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.mark.parametrize("calls", [0, 1, 3], ids=["the first", "in a session", "like those before"])
async def test_no_bit_of_a_request_may_be_another(wire: Wire, calls: int) -> None:
    await met(wire, calls)
    frame = await wire.catch()
    assert wire.ran(Frame(frame.subject, each, frame.reply) for each in flips(frame.payload)) == 0
    assert wire.ran([frame]) == 1


@pytest.mark.parametrize("calls", [0, 3], ids=["the first", "like those before"])
async def test_no_end_of_a_request_may_be_cut_off_and_nothing_put_on(wire: Wire, calls: int) -> None:
    await met(wire, calls)
    frame = await wire.catch()
    cut = [frame.payload[:length] for length in range(len(frame.payload))]
    more = [frame.payload + each for each in (b"\0", bytes(16), frame.payload)]
    assert wire.ran(Frame(frame.subject, each, frame.reply) for each in cut + more) == 0
    assert wire.ran([frame]) == 1


async def others(wire: Wire) -> list[Frame]:
    """Return what else web says that is valid: in its session, in its next, a question, a call of another length."""
    ping = Request("orders.quote", kind=Kind.PING, id=new_id(), instance=a_request().instance)
    ping.deadline = time.monotonic() + 5.0
    longer = a_request()
    longer.body = b"y" * 500
    found = [await wire.catch(each) for each in (a_request(), ping, longer)]
    [place] = vars(wire.pair.near.sealing.sealer)["sessions"]
    wire.pair.near.sealing.sealer.forgotten(place)
    return [*found, await wire.catch(), await wire.catch()]


@pytest.mark.parametrize("name", FIELDS)
async def test_no_field_of_a_request_may_be_that_of_another_request(wire: Wire, name: str) -> None:
    await met(wire, 2)
    frame = await wire.catch()
    whole = [frame, *await others(wire)]
    mixed = [
        Frame(one.subject, made, one.reply)
        for one in whole
        for other in whole
        if (made := swapped(one.payload, name, other.payload)) not in {one.payload, other.payload}
    ]
    assert wire.ran(mixed) == 0
    assert wire.ran(each for each in whole if each.payload[3] == Kind.REQUEST) == len(whole) - 1


async def test_no_request_runs_where_another_was_sent_nor_is_it_answered_elsewhere(wire: Wire) -> None:
    await met(wire, 2)
    one, other = await wire.catch(), await wire.catch()
    elsewhere = one.subject.replace(b"quote", b"cancel")
    any_instance = b"mesh.rpc.orders.any.quote"
    moved = [Frame(subject, one.payload, one.reply) for subject in (elsewhere, any_instance)]
    assert wire.ran(moved) == 0
    inboxes = (other.reply, one.reply + b"0", one.reply[:-1], b"_INBOX.web.otherinstanc.1", b"_INBOX.mallory.a.1")
    for reply in (*inboxes, b"mesh.ctl.head", b"$JS.API.STREAM.LIST", b"mesh.rpc.orders.any.quote"):
        caught = await wire.catch()
        assert wire.ran([Frame(caught.subject, caught.payload, reply)]) == 0
        assert all(each.subject == reply and reply in inboxes for each in wire.sent), "an answer is for inboxes"


async def test_no_member_has_its_answers_sent_to_another(wire: Wire) -> None:
    wire.pair.mux.prefix = b"_INBOX.stock.otherinstanc."  # what it seals agrees with where it asks to be answered
    assert wire.ran([await wire.catch()]) == 0


async def test_a_request_said_again_does_not_run_again(wire: Wire) -> None:
    frames = [await wire.catch() for _ in range(5)]
    assert wire.ran(frames) == 5
    assert wire.ran(frames[::-1]) == 0
    wire.pair.near.sealing.sealer.sessions.clear()
    assert wire.ran([await wire.catch()]) == 1
    assert wire.ran(frames) == 0
