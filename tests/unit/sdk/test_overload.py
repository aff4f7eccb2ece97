"""A service all of whose instances fail: what its callers add to its load, and how soon they stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from crossply.errors import CallError, Code, Disconnected, EndpointFailed, Unavailable
from crossply.handler import Request, Response
from crossply.testing import MemoryBroker
from crossply.wire.presence import EndpointHello, Hello
from crossply_policy.compile import compile_snapshot
from crossply_policy.parse import parse
from tests.unit.sdk.stage import mesh, now

SECONDS = 10.0
FAILURES: dict[str, Callable[[], CallError]] = {
    "internal": lambda: EndpointFailed("", code=Code.INTERNAL),
    "unavailable": lambda: Unavailable("draining"),
    "disconnected": lambda: Disconnected("gone"),
}
PROTECTION: dict[str, dict[str, object]] = {
    "the default stack": {},
    "a breaker": {"breaker": {}},
    "outliers": {"outlier": {}},
    "hedges": {"hedge": {"after": "5ms"}},
    "everything": {"breaker": {}, "outlier": {}, "limit": {}, "hedge": {"after": "5ms"}, "retry": {"attempts": 10}},
    "many attempts": {"retry": {"attempts": 10, "base": "1ms"}},
}


class Failing:
    """A wire on which every attempt fails, after 10 ms."""

    def __init__(self, failure: Callable[[], CallError]) -> None:
        self.failure = failure
        self.attempts = 0

    async def __call__(self, request: Request) -> Response:
        self.attempts += 1
        await asyncio.sleep(0.01)
        raise self.failure()


async def offered(broker: MemoryBroker, wire: Failing, spec: dict[str, object], rate: float) -> int:
    """Offer so many idempotent calls a second to three instances, for ten seconds; return how many."""
    async with mesh(broker, "web") as web:
        web.link.call = wire  # type: ignore[method-assign]  # a wire of the test
        catalog = web.running.catalog
        catalog.callee("orders")
        for name in "abc":
            catalog.hear(Hello("orders", name, endpoints=(EndpointHello("create", idempotent=True),)))
        document = parse({"kind": "Service", "name": "orders", "spec": spec})
        web.running.routes.adopt(compile_snapshot([document], generation=1, revision=1))
        calls: list[asyncio.Task[object]] = []
        until = now() + SECONDS
        while now() < until:
            calls.append(asyncio.ensure_future(web.call("orders.create", idempotent=True)))
            await asyncio.sleep(1 / rate)
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(each, CallError) for each in ended)
        return len(calls)


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("protection", PROTECTION)
@pytest.mark.parametrize("rate", [20.0, 100.0])
async def test_when_all_instances_fail_attempts_stay_near_the_number_of_calls(
    broker: MemoryBroker, failure: str, protection: str, rate: float
) -> None:
    wire = Failing(FAILURES[failure])
    calls = await offered(broker, wire, PROTECTION[protection], rate)
    assert calls >= 20 * SECONDS
    assert wire.attempts <= 1.3 * calls + 10 * SECONDS


async def test_a_breaker_leaves_a_failing_service_alone(broker: MemoryBroker) -> None:
    wire = Failing(FAILURES["internal"])
    calls = await offered(broker, wire, PROTECTION["a breaker"], 200.0)
    assert wire.attempts < calls / 10
