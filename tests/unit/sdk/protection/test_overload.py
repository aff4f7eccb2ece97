"""More calls than can be answered: most of what can be is answered in time, and afterwards all is as before."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.sdk.protection.overload import Callee, offer, p99
from tests.unit.sdk.stage import now

CAPACITY = 200.0
"""Calls a second of one callee: 4 slots, 20 ms."""


@pytest.mark.parametrize("callees", [1, 2, 3])
@pytest.mark.parametrize("within", [0.25, 5.0])
async def test_under_five_times_the_load_it_answers_nearly_what_it_can_and_recovers(
    callees: int, within: float
) -> None:
    under = [Callee() for _ in range(callees)]
    await offer(under, 50.0 * callees, 3.0, within)
    before = p99(under, 0.0)
    offered = now()
    await offer(under, 1000.0, 10.0, within)
    answered = sum(1 for callee in under for began, took in callee.answered if began >= offered and took <= within)
    assert answered >= 0.9 * CAPACITY * callees * 10.0
    after = now()
    await offer(under, 50.0 * callees, 3.0, within)
    assert p99(under, after) <= 2 * before


async def test_without_a_limit_that_follows_most_that_is_answered_is_answered_too_late() -> None:
    fixed = Callee(adaptive=False)
    await offer([fixed], 1000.0, 3.0, 0.25)
    assert len(fixed.answered) <= CAPACITY * 3.0 * 0.7


async def test_what_is_refused_is_refused_at_once_and_not_at_its_deadline() -> None:
    callee = Callee()
    await offer([callee], 1000.0, 3.0, 0.25)
    began = now()
    before = callee.refused
    await asyncio.gather(offer([callee], 1000.0, 1.0, 0.25), offer([callee], 10.0, 1.0, 0.25))
    assert callee.refused > before
    assert now() - began <= 1.0 + 0.25 + 0.02


async def test_bursts_of_an_instance_that_is_not_saturated_are_all_taken() -> None:
    healthy = Callee(slots=10_000)
    for _ in range(20):
        await asyncio.gather(*(healthy.call(5.0) for _ in range(500)))
        await asyncio.sleep(0.3)
    assert (healthy.refused, healthy.late, len(healthy.answered)) == (0, 0, 10_000)
    assert p99([healthy], 0.0) == pytest.approx(0.02)


async def test_bursts_that_queue_inside_but_end_in_time_are_all_taken() -> None:
    busy = Callee(slots=1, takes=0.001)
    for _ in range(10):
        await asyncio.gather(*(busy.call(5.0) for _ in range(500)))
        await asyncio.sleep(0.3)
    assert (busy.refused, busy.late) == (0, 0)


async def test_when_what_it_calls_becomes_slower_it_is_not_taken_for_overload_for_long() -> None:
    callee = Callee(slots=10_000)
    await offer([callee], 500.0, 3.0, 5.0)
    callee.takes = 0.2
    await offer([callee], 500.0, 3.0, 5.0)
    refused, since = callee.refused, now()
    await offer([callee], 500.0, 5.0, 5.0)
    assert callee.refused == refused
    assert p99([callee], since) == pytest.approx(0.2, rel=0.1)


async def test_a_slow_endpoint_beside_a_fast_one_is_no_overload() -> None:
    fast = Callee(slots=10_000, takes=0.001)
    slow = Callee(slots=10_000, takes=0.5, operation="orders.report", beside=fast)
    await offer([fast, slow], 400.0, 5.0, 5.0)
    assert (fast.refused, slow.refused) == (0, 0)


async def test_a_limit_below_the_floor_is_kept_and_refuses_in_time_as_well() -> None:
    callee = Callee(slots=10, limit=1)
    await offer([callee], 200.0, 3.0, 0.2)
    assert callee.admission.limit == 1
    assert len(callee.answered) >= 0.9 * 50.0 * 3.0
    assert callee.late + callee.refused > 0
    since, before = now(), len(callee.answered)
    await asyncio.gather(*(callee.call(5.0) for _ in range(20)))
    refused = callee.refused
    await asyncio.gather(offer([callee], 50.0, 1.0, 5.0), offer([callee], 20.0, 1.0, 0.01))
    assert callee.refused > refused
    assert len(callee.answered) > before
    assert now() - since <= 3.0
