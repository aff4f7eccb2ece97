"""Whoever holds the wire changes, cuts, mixes and moves sealed replies: nothing of that is believed.

Through the parts that a link reads with: opener, decoder, and the forms of messages like the one before.
"""

from __future__ import annotations

from functools import partial

import pytest

from crossply.handler import Kind, Response
from crossply.names import new_id
from crossply.seal import layout
from crossply.wire import envelope
from crossply.wire.envelope import tlv
from crossply.wire.sealed.message import content
from tests.unit.sdk.wire.sealed.held import FIELDS, Wire, cut, flipped, met, put_on, swapped


@pytest.fixture
async def wire() -> Wire:
    return Wire()


@pytest.mark.parametrize("keeps", [False, True], ids=["in the first reply", "in a session"])
async def test_no_bit_of_a_reply_may_be_another(wire: Wire, keeps: bool) -> None:
    reply = await wire.reply()
    if keeps:
        # As one that does not begin anew after each that it refused: else there would be no session to attack.
        wire.pair.near.sealing.sealer.forgotten = lambda to: None  # type: ignore[method-assign]
        reply = await wire.reply()
    believed = [await wire.believed(partial(flipped, bit=bit)) for bit in range(len(reply) * 8)]
    assert (sum(believed), len(believed) > 2000) == (0, True)
    assert await wire.believed(bytes)


async def test_no_end_of_a_reply_may_be_cut_off_and_nothing_put_on(wire: Wire) -> None:
    await met(wire, 2)
    reply = await wire.reply()
    cuts = [partial(cut, length=length) for length in range(len(reply))]
    cuts += [partial(put_on, more=more) for more in (b"\0", bytes(16), reply)]
    assert sum([await wire.believed(each) for each in cuts]) == 0


@pytest.mark.parametrize("name", FIELDS)
async def test_no_field_of_a_reply_may_be_that_of_another_reply(wire: Wire, name: str) -> None:
    first = await wire.reply()
    await met(wire, 2)
    earlier = [first, await wire.reply()]
    request = (await wire.catch()).payload

    for other in (*earlier, request):
        believed = await wire.believed(partial(swapped, name=name, other=other))
        sent = wire.sent[-1].payload
        assert believed == (swapped(sent, name, other) == sent)


async def test_no_reply_answers_another_call(wire: Wire) -> None:
    await met(wire, 2)
    earlier = await wire.reply()
    assert not await wire.believed(lambda _sent: earlier)


@pytest.mark.parametrize("calls", [1, 3], ids=["in a session", "like those before"])
async def test_no_callee_answers_one_call_with_what_it_sealed_for_another(wire: Wire, calls: int) -> None:
    await met(wire, calls)
    near, far = wire.pair.near.sealing, wire.pair.far.sealing
    said = vars(wire.pair.far)["_sender"].reply_metadata(Response(b"a lie"))
    to = far.keys.credentials.learn(near.keys.own.raw).recipient

    def answering(sent: bytes, answered: bytes | None = None) -> bytes:
        """Seal the reply anew, as an answer to another call; its credential is left out, as in the one before."""
        end = layout.SIZE + int.from_bytes(sent[6:8], "big")
        asked = tlv(envelope.IN_REPLY_TO, answered or new_id())
        at = sent.index(asked[:3], layout.SIZE, end)
        block = sent[layout.SIZE : at] + asked + sent[at + len(asked) : end]
        sealed = content("reply", said, b"a lie", len(block))
        return far.sealer.seal_reply(to, Kind.RESPONSE, wire.sent[-1].subject, new_id(), block, sealed)

    assert not await wire.believed(answering)
    assert await wire.believed(lambda sent: answering(sent, wire.sent[-2].payload[76:92])), "the right one passes"
