"""What the layers of a call cost: CPU time of each stack over the bare wire, on a fake wire in this process."""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

sys.path.append(str(Path(__file__).resolve().parents[1]))  # a script that runs with -I finds nothing beside it

from crossply import stacks
from crossply.clock import chance, monotonic
from crossply.handler import Handler, Request, Response
from crossply.protection.admission import Admission
from crossply.protection.buckets import Buckets
from crossply.routing.budget import RetryBudget
from crossply.routing.chooser import Chooser
from crossply.routing.eligible import Eligible
from crossply.routing.held import UNPROTECTED, Held, Protection
from crossply.routing.instances import Callee, Instance
from crossply.routing.picker import LeastLatency
from crossply.routing.subsets import Subsets
from crossply.routing.warmth import Warmth
from crossply.telemetry.recorder import MemoryRecorder, Side
from crossply_policy.documents import BalancePolicy
from crossply_policy.protection import BreakerPolicy, LimitPolicy, OutlierPolicy, WarmupPolicy
from crossply_policy.rate_limit import RateLimitPolicy, Target
from crossply_policy.snapshot import Route
from crossply_policy.traffic import TrafficPolicy

if TYPE_CHECKING:
    from crossply.discovery.catalog import Catalog
    from crossply.protection.rates import Limited

ROUNDS, CALLS = 20, 2000
TARGET = 12.0
DONE = Response(b"done")


async def wire(_request: Request) -> Response:
    """Answer after one turn of the loop, as a real wire does at the earliest."""
    await asyncio.sleep(0)
    return DONE


def surroundings() -> stacks.Surroundings:
    return stacks.Surroundings(recorder=MemoryRecorder(), now=monotonic, chance=chance(1))


def limits() -> Limited:
    """Return a rate limit that lets all through."""
    policy = RateLimitPolicy(name="quota", target=Target(service="orders"), rate=1e6, burst=1e6)
    return ((Buckets(policy, monotonic), lambda _request: ""),)


def outbound(*, protected: bool, steered: bool = False) -> Handler:
    """Return the default stack of a call to one of three instances, or that with what a document may ask for."""
    around, callee = surroundings(), Callee("orders", "own")
    traffic = TrafficPolicy(split={"all": 1.0, "none": 1.0}) if steered else None
    route = Route(traffic=traffic)
    for name in "abc":
        callee.add(Instance(name, monotonic(), endpoints=frozenset({"create"}), latency=0.001, measured=monotonic()))
    held = Held(around.now)
    outliers = held.outliers(callee, OutlierPolicy(enabled=True)) if protected else None
    protection = UNPROTECTED
    if protected:
        protection = Protection(
            breakers=held.breakers("orders", BreakerPolicy(enabled=True)),
            slots=held.slots("orders", LimitPolicy(enabled=True)),
            outliers=outliers,
        )
    picker = LeastLatency(around.chance, Warmth(WarmupPolicy(), around.chance))
    eligible = Eligible(BalancePolicy(), "", outliers) if protected else None
    subsets = Subsets(callee, "create", {"all": frozenset(), "none": frozenset({("tier", "none")})})
    steering = stacks.Steering(subsets=subsets, copy=lambda _request: None)
    return stacks.outbound(
        route,
        Chooser(callee, "create", picker, subsets=subsets, eligible=eligible, outliers=outliers),
        around=around,
        catalog=cast("Catalog", None),  # asked only when nobody listens
        budget=RetryBudget(route.retry.budget, around.now),
        protection=protection,
        limits=limits() if steered else (),
        steering=steering if steered else None,
        idempotent=lambda _request: True,
        wire=wire,
    )


def inbound(*, limited: bool) -> Handler:
    """Return the default stack around an endpoint, or that with a rate limit."""

    def report(_request: Request, error: BaseException) -> None:
        raise error

    return stacks.inbound(
        wire,
        side=Side.CALLEE,
        around=surroundings(),
        admission=Admission(1000, monotonic),
        operation="orders.create",
        limits=limits() if limited else (),
        report=report,
    )


async def cpu(handler: Handler) -> float:
    """Return the CPU microseconds of one call, as the mean of many, the making of the request included."""
    began = time.thread_time()
    for _ in range(CALLS):
        await handler(Request("orders.create", b"body", id=b"0" * 16, deadline=monotonic() + 5.0))
    return (time.thread_time() - began) / CALLS * 1e6


async def measured(stands: dict[str, Handler]) -> dict[str, float]:
    """Return the medians over rounds in which all take their turns, so that a busy machine slows all alike."""
    laps: dict[str, list[float]] = {name: [] for name in stands}
    for round_ in range(ROUNDS + 1):
        for name, handler in stands.items():
            lap = await cpu(handler)
            if round_:  # the first warms the caches
                laps[name].append(lap)
    return {name: statistics.median(each) for name, each in laps.items()}


def main() -> None:
    """Print what each stack costs over the bare wire, and its ratio to it."""
    makers: dict[str, Callable[[], Handler]] = {
        "caller, default stack": lambda: outbound(protected=False),
        "caller, with breaker, outlier and limit": lambda: outbound(protected=True),
        "caller, with split and rate limit too": lambda: outbound(protected=True, steered=True),
        "callee, default stack": lambda: inbound(limited=False),
        "callee, with a rate limit": lambda: inbound(limited=True),
    }
    stands: dict[str, Any] = {"bare wire": wire, **{name: make() for name, make in makers.items()}}
    medians = asyncio.run(measured(stands))
    bare = medians.pop("bare wire")
    print(f"bare wire: {bare:.2f} us of CPU a call (medians of {ROUNDS} rounds of {CALLS}; make bench)")
    for name, total in medians.items():
        print(
            f"{name}: {total - bare:.2f} us over the bare wire, {total / bare:.1f}x it (target: {TARGET:g} us or less)"
        )


if __name__ == "__main__":
    main()
