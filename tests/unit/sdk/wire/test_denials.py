"""What the broker refuses to pass on ends at once, and nothing else does."""

from __future__ import annotations

import asyncio
import math

import pytest

from crossply.errors import Code, Executed
from crossply.wire.denials import Denials, denied_subject
from crossply.wire.mux import Attempt, Mux

TO_ORDERS = 'permissions violation for publish to "mesh.rpc.orders.any.quote"'


def mux() -> Mux:
    return Mux("_INBOX.web.abcdefgh2345.", lambda: 10.0)


def opened(made: Mux, operation: str, instance: str | None = None, started: float = 10.0) -> Attempt:
    return made.open(operation, instance, started, math.inf)[1]


async def test_an_attempt_to_the_queue_group_is_denied_and_those_to_other_places_go_on() -> None:
    made = mux()
    denied = opened(made, "orders.quote")
    others = [
        opened(made, "orders.quote", "abcdefgh2345"),
        opened(made, "orders.create"),
        opened(made, "stock.quote"),
    ]
    assert Denials(made).told(TO_ORDERS, 0.0, math.inf)
    error = denied.reply.exception()
    assert error is not None
    assert (error.code, error.executed, error.rule) == (Code.PERMISSION_DENIED, Executed.NO, "broker")  # type: ignore[attr-defined]  # a CallError
    assert not any(each.reply.done() for each in others)


async def test_an_attempt_to_an_instance_is_denied_by_its_own_subject() -> None:
    made = mux()
    one, group = opened(made, "orders.quote", "abcdefgh2345"), opened(made, "orders.quote")
    Denials(made).told(TO_ORDERS.replace("any", "i-abcdefgh2345"), 0.0, math.inf)
    assert one.reply.done()
    assert not group.reply.done()
    one.reply.exception()


async def test_what_was_sent_over_another_connection_is_not_meant() -> None:
    made = mux()
    before, after = opened(made, "orders.quote", started=9.0), opened(made, "orders.quote", started=11.0)
    assert Denials(made).told(TO_ORDERS, 10.0, math.inf)
    assert after.reply.done()
    assert not before.reply.done()
    assert Denials(made).told(TO_ORDERS, -math.inf, 10.0)
    assert before.reply.done()
    for each in (before, after):
        each.reply.exception()


async def test_a_request_to_jetstream_is_found_whatever_the_case_of_its_subject() -> None:
    made = mux()
    attempt = opened(made, "$JS.API.STREAM.INFO.MESH_EVT_orders")
    assert Denials(made).told(
        'permissions violation for publish to "$js.api.stream.info.mesh_evt_orders"', 0.0, math.inf
    )
    assert attempt.reply.done()
    attempt.reply.exception()


@pytest.mark.parametrize(
    "why", ["authorization violation", 'permissions violation for subscription to "mesh.rpc.orders.any.quote"', ""]
)
async def test_other_errors_of_the_broker_are_not_about_attempts(why: str) -> None:
    made = mux()
    attempt = opened(made, "orders.quote")
    assert denied_subject(why) is None
    assert not Denials(made).told(why, 0.0, math.inf)
    assert not attempt.reply.done()
    await asyncio.sleep(0)
