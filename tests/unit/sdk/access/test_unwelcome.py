"""Events of publishers that may not publish them: some time to put it right, then an end."""

from __future__ import annotations

import asyncio

import pytest

from crossply.audit.entry import Outcome, decode
from crossply.errors import PermissionDenied, Unwelcome
from crossply.handler import Kind
from crossply.testing import MemoryBroker
from crossply.wire.delivery import negative
from crossply_policy.compile import compile_snapshot
from tests.unit.policy.access.writing import documents, on, said
from tests.unit.sdk.stage import mesh, request


@pytest.mark.parametrize(("delivery", "verdict"), [(1, b"-NAK"), (7, b"-NAK"), (8, b"+TERM"), (9, b"+TERM")])
def test_the_broker_is_told_to_deliver_again_and_after_the_eighth_time_not_to(delivery: int, verdict: bytes) -> None:
    assert negative(Unwelcome("orders.created: no"), delivery).startswith(verdict)


def test_what_the_subscriber_itself_may_not_have_waits_until_it_may() -> None:
    assert negative(PermissionDenied("orders.created: no"), 100).startswith(b"-NAK")


async def test_an_unwelcome_event_reaches_no_handler_and_ends(broker: MemoryBroker) -> None:
    handled: list[object] = []
    async with mesh(broker, "web") as web:
        mailer = mesh(broker, "mailer")
        mailer.on("orders.created")(handled.append)
        async with mailer:
            rules = documents(own=said("allow", ["mailer"], on("orders.>", "subscribe")))
            mailer.running._adopt(compile_snapshot(rules, generation=1, revision=1))  # pyright: ignore[reportPrivateUsage]  # no feed here
            await web.link.publish(request("orders.created", kind=Kind.EVENT))
            await asyncio.sleep(1000)
            state = broker.events.state("mailer", "orders.created")
    told = [each.outcome for _, raw in broker.audits.values() for each in decode(raw).entries]
    assert told == [Outcome.DENIED] * 8
    assert state is not None
    assert (state.pending, state.ack_pending, handled) == (0, 0, [])
