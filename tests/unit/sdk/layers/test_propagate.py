"""What belongs to a whole chain of calls."""

from __future__ import annotations

from crossply.context import AMBIENT, Current
from crossply.handler import FOREIGN, Request
from crossply.layers.propagate import propagate
from crossply.testing import Script
from tests.unit.sdk.stage import call, request


async def sent_while_serving(around: Request, made: Request) -> Request:
    """Return what went on of a request that was made while another one was served."""
    script = Script()
    token = AMBIENT.set(Current(around, FOREIGN))
    try:
        await call(propagate(), script, made)
    finally:
        AMBIENT.reset(token)
    return script.seen[0]


async def test_outside_a_handler_a_request_goes_on_as_it_is() -> None:
    script = Script()
    await call(propagate(), script, request(baggage={"own": "1"}))
    assert script.seen[0].baggage == {"own": "1"}


async def test_the_baggage_of_the_call_being_served_goes_along() -> None:
    sent = await sent_while_serving(request(baggage={"user": "ann"}), request())
    assert sent.baggage == {"user": "ann"}


async def test_a_requests_own_baggage_wins() -> None:
    sent = await sent_while_serving(request(baggage={"user": "ann", "plan": "free"}), request(baggage={"plan": "paid"}))
    assert sent.baggage == {"user": "ann", "plan": "paid"}


async def test_the_callers_metadata_stays_on_its_hop() -> None:
    sent = await sent_while_serving(request(metadata={"page": "2"}, key="k"), request())
    assert sent.metadata is None
    assert sent.key is None


async def test_the_served_calls_baggage_is_not_changed() -> None:
    around = request(baggage={"user": "ann"})
    await sent_while_serving(around, request(baggage={"own": "1"}))
    assert around.baggage == {"user": "ann"}
