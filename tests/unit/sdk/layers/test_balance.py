"""What balance learns of the instances that it chose, and whom it chooses by that."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from crossply.errors import (
    CallError,
    Code,
    EndpointFailed,
    LinkLost,
    NobodyToSealTo,
    NoResponders,
    NotFound,
    Overloaded,
    RateLimited,
    Unauthenticated,
)
from crossply.handler import Handler, Request, Response, compose
from crossply.layers.balance import balance
from crossply.routing.chooser import Chooser
from crossply.routing.instances import Callee
from crossply.routing.picker import LeastLatency
from crossply.routing.warmth import Warmth
from crossply.testing import Script, chance
from crossply_policy.protection import WarmupPolicy
from tests.unit.sdk.stage import callee, instance, now, request

LATENCY, EVERY, CALLS = 0.005, 0.002, 6000
Fails = Callable[[], CallError]
FAILURES: list[Fails] = [lambda: EndpointFailed("", code=Code.INTERNAL), lambda: Overloaded("full")]


def balanced(known: Callee, inner: Handler, catalog: Any = None) -> Handler:
    source = chance(7)
    chooser = Chooser(known, "create", LeastLatency(source, Warmth(WarmupPolicy(), source)))
    return compose([balance(chooser, catalog, now)], inner)


async def offered(known: Callee, inner: Handler, calls: int = CALLS) -> None:
    """Call once every two milliseconds, whether or not it is answered."""
    handler, running = balanced(known, inner), list[asyncio.Future[Response]]()
    for _ in range(calls):
        running.append(asyncio.ensure_future(handler(request())))
        await asyncio.sleep(EVERY)
    await asyncio.gather(*running, return_exceptions=True)


@pytest.mark.parametrize("fails", FAILURES, ids=["internal", "overloaded"])
@pytest.mark.parametrize("healthy_at_first", [False, True])
async def test_an_instance_that_fails_at_once_draws_no_more_than_its_share(
    fails: Fails, healthy_at_first: bool
) -> None:
    known, counts, failing = callee(*(instance(name, "create") for name in "abc")), Counter[str](), False

    async def serving(attempt: Request) -> Response:
        counts[attempt.instance or ""] += 1
        if attempt.instance == "c" and failing:
            raise fails()
        await asyncio.sleep(LATENCY)
        return Response()

    if healthy_at_first:
        await offered(known, serving)
        assert all(counts[name] > CALLS / 5 for name in "abc")
    failing = True
    counts.clear()
    await offered(known, serving)
    assert counts["c"] < 0.4 * CALLS


async def test_what_an_endpoint_raises_on_purpose_is_an_answer_like_any_other() -> None:
    known = callee(instance("a", "create"))
    with pytest.raises(EndpointFailed):
        await balanced(known, Script([0.5, EndpointFailed("no credit", code=Code.ABORTED)]))(request())
    assert known.instances["a"].latency == pytest.approx(0.5)


@pytest.mark.parametrize(
    "error", [RateLimited("slowly"), NotFound("nobody"), LinkLost("ours")], ids=lambda each: str(each.code)
)
async def test_what_is_not_the_instances_doing_says_nothing_of_it(error: CallError) -> None:
    known = callee(instance("a", "create"), instance("b", "create"))
    with pytest.raises(type(error)):
        await balanced(known, Script([0.5, error]))(request())
    assert {(each.latency, each.handicap) for each in known.instances.values()} == {(0.0, 0.0)}


async def test_the_first_answer_after_a_failure_takes_its_handicap_away() -> None:
    known = callee(instance("a", "create"))
    known.add(instance("b", "refund"))
    handler = balanced(known, Script([EndpointFailed("", code=Code.INTERNAL), 0.1, Response()]))
    with pytest.raises(EndpointFailed):
        await handler(request())
    assert known.instances["a"].handicap > 0.0
    await handler(request())
    assert known.instances["a"].handicap == 0.0


async def test_instances_that_all_fail_are_not_taken_for_slower_and_slower() -> None:
    known = callee(*(instance(name, "create") for name in "abc"))

    async def failing(_attempt: Request) -> Response:
        await asyncio.sleep(0.1)
        raise EndpointFailed("", code=Code.INTERNAL)

    await offered(known, failing)
    assert max(each.handicap for each in known.instances.values()) < 0.1


UNSENT = NobodyToSealTo("the keys of its instances are not known here yet")


class Unknown:
    """A catalog that never heard of a service."""

    async def nobody(self, *_asked: object) -> None:
        raise NotFound("no service orders is known here")


async def test_who_is_there_and_cannot_be_sealed_to_is_told_at_the_first_call() -> None:
    with pytest.raises(Unauthenticated):
        await balanced(callee(), Script([UNSENT, Unauthenticated("nobody vouches for it")]), Unknown())(request())


async def test_who_is_not_there_is_not_found_and_what_was_sent_is_not_sent_again() -> None:
    for outcomes in ([UNSENT, UNSENT], [NoResponders("the broker says so")]):
        script = Script([*outcomes])
        with pytest.raises(NotFound):
            await balanced(callee(), script, Unknown())(request())
        assert len(script.seen) == len(outcomes)
