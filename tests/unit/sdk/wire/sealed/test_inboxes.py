"""A member that has met a callee has its answers sent to nobody else, however like those before its calls are."""

from __future__ import annotations

import pytest

from benchmarks.sides import a_request
from crossply.handler import Request
from crossply.wire.sealed.message import request_block, request_content
from crossply.wire.senders import Sender
from tests.unit.sdk.wire.sealed.held import Frame, Wire, met


def crafted(wire: Wire, inbox: bytes) -> Frame:
    """Return a call of the caller's, in its session, that has its answer sent there."""
    request: Request = a_request()
    to = wire.pair.near.sealing.recipient("orders", request.instance)
    assert to is not None
    sender: Sender = vars(wire.pair.near)["_sender"]
    subject, reply = wire.sent[0].subject, inbox + b"ff"
    block = request_block(sender, request, b"", reply)
    sealed = request_content(request, len(block))
    sealer = wire.pair.near.sealing.sealer
    payload = sealer.seal_request(to, request.kind, subject, 5000, b"crafted by a web", block, sealed)
    return Frame(subject, payload, reply)


@pytest.mark.parametrize("calls", [1, 20], ids=["the first of its like", "like those before"])
async def test_no_answer_goes_to_another_inbox_than_the_callers(calls: int) -> None:
    wire = Wire()
    await met(wire, calls)
    asked = [crafted(wire, wire.inbox) for _ in range(3)]
    wire.pair.broker.takes[wire.inbox + b"ff"] = _nobody  # its own: nobody waits there
    elsewhere = [
        crafted(wire, inbox)
        for inbox in (
            wire.inbox.replace(b"web", b"app"),
            wire.inbox[:-2] + b"z.",
            b"mesh.rpc.orders.any." + bytes(len(wire.inbox) - 20).replace(b"\0", b"q"),
        )
    ]
    assert wire.ran(asked) == 3
    assert wire.ran(elsewhere) == 0


def _nobody(_subject: bytes, _reply: bytes, _data: bytes, _headers: bytes) -> None:
    """Wait for nothing."""
