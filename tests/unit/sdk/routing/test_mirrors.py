"""Copies: requests of their own, few at a time, that nothing waits for and nothing hears of."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from crossply.context import AMBIENT, Current
from crossply.errors import Unavailable
from crossply.handler import Handler, Peer, Request, Response
from crossply.layers.mirror import mirror
from crossply.names import new_id
from crossply.routing.mirrors import IN_FLIGHT, MARK, Mirrors, copied
from crossply.tasks import Tasks
from crossply.telemetry.recorder import MemoryRecorder
from crossply.testing import Script
from tests.unit.sdk.stage import Always, call, request, settle

ANSWER = Response(b"answer")


@pytest.fixture
async def tasks() -> AsyncIterator[Tasks]:
    owner = Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}"))
    yield owner
    await owner.aclose()


def finding(handler: Handler) -> Callable[[], Awaitable[Handler]]:
    async def find() -> Handler:
        return handler

    return find


async def hanging(_request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def measured(mirrors: Mirrors, target: Handler) -> tuple[Response, int]:
    """Return a mirrored call's answer and how many Python functions it called."""
    layer = mirror(100, mirrors.to("orders.create", "next", finding(target)), Always())
    calls = 0
    # A call that finds no ids left makes many at once, in many function calls.
    while len(new_id._ready) < 2:  # pyright: ignore[reportPrivateUsage]  # nothing else tells
        new_id()

    def counting(_frame: object, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(counting)
    try:
        answer = await call(layer, Script([ANSWER]))
    finally:
        sys.setprofile(None)
    return answer, calls


async def test_a_target_that_hangs_changes_neither_outcome_nor_cost_of_a_call(tasks: Tasks) -> None:
    async def answering(_request: Request) -> Response:
        return ANSWER

    mirrors = Mirrors(tasks, MemoryRecorder())
    quick, hung = await measured(mirrors, answering), await measured(mirrors, hanging)
    assert quick == hung
    await settle()
    assert mirrors.in_flight == 1
    again = await measured(mirrors, hanging)
    assert again == quick
    assert quick[0] is ANSWER


async def test_copies_for_which_there_is_no_room_are_dropped_and_counted(tasks: Tasks) -> None:
    mirrors = Mirrors(tasks, recorder := MemoryRecorder())
    copy = mirrors.to("orders.create", None, finding(hanging))
    for _ in range(IN_FLIGHT + 5):
        copy(request())
    await settle()
    assert (mirrors.in_flight, recorder.copies_dropped, len(tasks)) == (IN_FLIGHT, 5, IN_FLIGHT)


async def test_room_is_made_by_copies_that_end_well_or_badly(tasks: Tasks) -> None:
    mirrors = Mirrors(tasks, recorder := MemoryRecorder(), most=1)
    script = Script([ANSWER, Unavailable, ANSWER])
    copy = mirrors.to("orders.create", None, finding(script))
    for _ in range(3):
        copy(request())
        await settle()
    assert (mirrors.in_flight, recorder.copies_dropped, script.left) == (0, 0, 0)


def test_a_copy_is_a_request_of_its_own_that_says_what_it_is() -> None:
    call = request(
        "orders.create",
        b"body",
        metadata={"lang": "fr"},
        key="customer-7",
        idempotency_key="o-1",
        subset="v1",
        instance="aaaaaaaaaaaa",
        tried=("bbbbbbbbbbbb",),
        deadline=1.0,
        traceparent="00-1-2-01",
    )
    copy = copied(call, "next.create", "v2")
    assert (copy.operation, copy.subset, copy.body, copy.key) == ("next.create", "v2", b"body", "customer-7")
    assert copy.metadata == {"lang": "fr", MARK: "orders.create"}
    assert len(copy.id) == 16
    assert copy.id != call.id
    assert (copy.instance, copy.tried, copy.idempotency_key, copy.deadline) == (None, (), None, math.inf)
    assert copy.traceparent == call.traceparent
    assert call.metadata == {"lang": "fr"}


async def test_a_copy_outlives_what_is_being_served_and_keeps_its_baggage(tasks: Tasks) -> None:
    seen: list[tuple[Current | None, dict[str, str] | None]] = []

    async def noting(copy: Request) -> Response:
        seen.append((AMBIENT.get(), copy.baggage))
        return ANSWER

    serving = request("web.show", baggage={"tenant": "a"}, deadline=1.0)
    token = AMBIENT.set(Current(serving, Peer("browser")))
    try:
        Mirrors(tasks, MemoryRecorder()).to("orders.create", None, finding(noting))(request(baggage={"own": "b"}))
    finally:
        AMBIENT.reset(token)
    await settle()
    assert seen == [(None, {"tenant": "a", "own": "b"})]
