"""Refusing early: above the limit, and while draining."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from crossply.errors import Executed, Overloaded, Unavailable
from crossply.handler import Request, Response
from crossply.layers.admit import admit
from crossply.protection.admission import Admission
from crossply.testing import Script
from crossply_policy.documents import AdmissionPolicy
from tests.unit.sdk.stage import call, now, request, settle

if TYPE_CHECKING:
    from crossply.handler import Layer


def places(most: int, *, adaptive: bool = False, queue: int = 128) -> Admission:
    """Return the places of an instance, by a limit that does not move unless the policy says so."""
    made = Admission(100, now)
    made.adopt(AdmissionPolicy(adaptive=adaptive, limit=most, queue=queue))
    return made


def admitted(admission: Admission) -> Layer:
    return admit(admission, "orders.create", now)


async def test_a_request_is_counted_while_it_is_served() -> None:
    admission = places(1)
    running = asyncio.ensure_future(call(admitted(admission), Script([1.0, Response()])))
    await settle()
    assert admission.in_flight == 1
    await running
    assert admission.in_flight == 0


async def test_above_the_limit_a_request_is_refused_with_a_time_to_come_back() -> None:
    async def slow(made: Request) -> Response:
        await asyncio.sleep(1.0)
        return await script(made)

    admission, script = places(2), Script()
    running = [asyncio.ensure_future(call(admitted(admission), slow)) for _ in range(2)]
    await settle()
    with pytest.raises(Overloaded) as caught:
        await call(admitted(admission), slow)
    assert caught.value.retry_after is not None
    assert caught.value.executed is Executed.NO
    await asyncio.gather(*running)
    assert len(script.seen) == 2
    await call(admitted(admission), script)


@pytest.mark.parametrize("adaptive", [False, True])
async def test_an_instance_that_drains_takes_nothing(adaptive: bool) -> None:
    script = Script()
    draining = places(1, adaptive=adaptive)
    draining.draining = True
    with pytest.raises(Unavailable):
        await call(admitted(draining), script)
    assert not script.seen


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("error", [ValueError("user"), asyncio.CancelledError()])
async def test_a_request_that_fails_leaves_its_place(error: BaseException, adaptive: bool) -> None:
    admission = places(1, adaptive=adaptive)
    with pytest.raises(type(error)):
        await call(admitted(admission), Script([error]))
    assert admission.in_flight == 0


async def test_a_place_is_held_until_the_response_is_done() -> None:
    class Streaming(Response):
        """A response that is done when told."""

        def when_done(self, release: object) -> None:
            releases.append(release)

    releases: list[object] = []
    admission = places(1)
    await call(admitted(admission), Script([Streaming()]))
    assert admission.in_flight == 1
    [release] = releases
    assert callable(release)
    release()
    assert admission.in_flight == 0


async def slow(_request: Request) -> Response:
    await asyncio.sleep(1.0)
    return Response()


async def test_where_the_limit_is_adaptive_others_wait_for_a_place_in_their_order() -> None:
    admission, order = places(1, adaptive=True), list[str]()

    async def noting(made: Request) -> Response:
        order.append(made.operation)
        return await slow(made)

    running = [
        asyncio.ensure_future(call(admitted(admission), noting, request(name))) for name in ("a.a", "b.b", "c.c")
    ]
    await settle()
    assert (order, admission.in_flight, admission.held) == (["a.a"], 1, 3)
    await asyncio.gather(*running)
    assert (order, admission.held) == (["a.a", "b.b", "c.c"], 0)


async def test_when_as_many_wait_as_may_the_next_is_refused() -> None:
    admission = places(1, adaptive=True, queue=1)
    running = [asyncio.ensure_future(call(admitted(admission), slow)) for _ in range(2)]
    await settle()
    with pytest.raises(Overloaded) as caught:
        await call(admitted(admission), slow)
    assert caught.value.executed is Executed.NO
    assert caught.value.retry_after is not None
    await asyncio.gather(*running)


async def test_a_later_attempt_takes_the_place_of_the_newest_first_attempt_that_waits() -> None:
    admission = places(1, adaptive=True, queue=2)
    first, older, newer = (asyncio.ensure_future(call(admitted(admission), slow)) for _ in range(3))
    await settle()
    again = asyncio.ensure_future(call(admitted(admission), slow, request(attempt=2)))
    with pytest.raises(Overloaded):
        await newer
    await asyncio.gather(first, older, again)


async def test_a_later_attempt_is_refused_when_only_such_wait() -> None:
    admission = places(1, adaptive=True, queue=1)
    running = [asyncio.ensure_future(call(admitted(admission), slow, request(attempt=2))) for _ in range(2)]
    await settle()
    with pytest.raises(Overloaded):
        await call(admitted(admission), slow, request(attempt=2))
    await asyncio.gather(*running)


async def test_who_waits_is_sent_away_at_its_deadline_although_nothing_ends() -> None:
    admission = places(1, adaptive=True)
    hanging = asyncio.ensure_future(call(admitted(admission), lambda _request: asyncio.Event().wait()))  # type: ignore[arg-type,return-value]  # it never returns
    await settle()
    began = now()
    with pytest.raises(Overloaded):
        await call(admitted(admission), slow, request(deadline=began + 0.2))
    assert now() - began == pytest.approx(0.2)
    assert admission.held == 1
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)


async def test_who_gives_up_while_it_waits_takes_no_place() -> None:
    admission = places(1, adaptive=True)
    first, second, third = (asyncio.ensure_future(call(admitted(admission), slow)) for _ in range(3))
    await settle()
    second.cancel()
    await settle()
    assert admission.held == 2
    await asyncio.gather(first, third)
    assert admission.held == 0
    assert second.cancelled()


async def test_who_gives_up_just_as_it_is_given_a_place_leaves_it_to_the_next() -> None:
    admission = places(1, adaptive=True)
    first, second, third = (asyncio.ensure_future(call(admitted(admission), slow)) for _ in range(3))
    await settle()
    first.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second.cancel()
    await third
    assert admission.held == 0


async def test_another_limit_holds_at_once_and_lets_in_who_waits() -> None:
    admission = Admission(4, now)
    admission.adopt(AdmissionPolicy(limit=1))
    running = [asyncio.ensure_future(call(admitted(admission), slow)) for _ in range(3)]
    await settle()
    assert admission.in_flight == 1
    admission.adopt(AdmissionPolicy(limit=2))
    assert admission.in_flight == 2
    admission.adopt(AdmissionPolicy(limit=100))
    assert admission.limit == 4, "what the process allows bounds what a policy says"
    await asyncio.gather(*running)
    assert admission.held == 0


async def test_calls_that_never_wait_are_not_measured() -> None:
    admission = places(1024, adaptive=True)
    prompt = admit(admission, "orders.create", now, prompt=True)
    for _ in range(100):
        await call(prompt, Script())
    assert admission.concurrency.usual("orders.create").count == 0


async def test_no_more_may_wait_than_the_process_allows_in_all() -> None:
    admission = Admission(3, now)
    admission.adopt(AdmissionPolicy(limit=1, queue=100))
    running = [asyncio.ensure_future(call(admitted(admission), slow)) for _ in range(3)]
    await settle()
    with pytest.raises(Overloaded):
        await call(admitted(admission), slow)
    await asyncio.gather(*running)
