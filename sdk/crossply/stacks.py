"""What happens to a request, from the top: the layers of each stack in their order, and why there.

A stack is composed once per route and snapshot, never per call. ``None`` stands for a layer that no policy asks for.
The full order is ``OUTBOUND`` and ``INBOUND``; the stacks keep to it, and ``docs/layers.md`` shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crossply.handler import Handler, Request, compose
from crossply.layers.admit import Admission, admit
from crossply.layers.attempt import attempt
from crossply.layers.balance import balance
from crossply.layers.bound import bound
from crossply.layers.breaker import breaker
from crossply.layers.deadline import deadline
from crossply.layers.expire import expire
from crossply.layers.hedge import hedge
from crossply.layers.limit import limit
from crossply.layers.measure import measure
from crossply.layers.outlier import outlier
from crossply.layers.propagate import propagate
from crossply.layers.rescue import rescue
from crossply.layers.retry import retry
from crossply.layers.trace import trace
from crossply.routing.held import UNPROTECTED, Protection
from crossply.telemetry.recorder import Recorder, Side

if TYPE_CHECKING:
    from crossply.clock import Chance, Clock
    from crossply.discovery.catalog import Catalog
    from crossply.routing.budget import RetryBudget
    from crossply.routing.chooser import Chooser
    from crossply_policy.snapshot import Route

OUTBOUND = (
    "trace",
    "measure",
    "deadline",
    "permit",
    "throttle",
    "mirror",
    "split",
    "failover",
    "hedge",
    "retry",
    "limit",
    "breaker",
    "balance",
    "outlier",
    "attempt",
    "fault",
    "propagate",
    "seal",
    "wire",
)
INBOUND = (
    "trace",
    "measure",
    "rescue",
    "admit",
    "expire",
    "open",
    "authorize",
    "throttle",
    "dedupe",
    "bound",
    "endpoint",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every stack of a process shares: clocks, chance, and where it tells what happened."""

    recorder: Recorder
    now: Clock
    wall: Callable[[], int]
    chance: Chance


def outbound(
    route: Route,
    chooser: Chooser,
    *,
    around: Surroundings,
    catalog: Catalog,
    budget: RetryBudget,
    protection: Protection = UNPROTECTED,
    idempotent: Callable[[Request], bool],
    wire: Handler,
) -> Handler:
    """Return the handler of calls to one endpoint: once per call down to ``retry``, then once per attempt."""
    attempts = 1 if route.retry is None else route.retry.attempts + 1
    hedged, breakers, slots = protection.latencies, protection.breakers, protection.slots
    return compose(
        [
            # Outermost, so that the span covers what the caller waits for, and its id is on every attempt.
            trace(around.recorder, Side.CALLER),
            # Outside everything that can refuse, so that a refusal is counted as well.
            measure(around.recorder, Side.CALLER, around.now),
            # Before any waiting: all that follows spends from this.
            deadline(route.timeout.total, around.now),
            # Instead of retry: it makes the further attempts of the calls it does not hedge as well.
            hedge(route.hedge, route.retry, budget, hedged, idempotent, around.now, around.chance) if hedged else None,
            # Outside all that belongs to one attempt.
            retry(route.retry, budget, idempotent, around.now, around.chance) if route.retry and not hedged else None,
            # Outside the breaker: what this caller refuses itself is not the callee's failure.
            limit(slots) if slots else None,
            # Around the choice of the instance: it sees every attempt, one that found nobody too.
            breaker(breakers) if breakers else None,
            # Inside retry: another attempt goes to another instance. An instance found absent costs no attempt.
            balance(chooser, catalog, around.now),
            # Inside balance, as it needs the instance; outside attempt, as a slow one counts as failed.
            outlier(protection.outliers) if protection.outliers else None,
            # Inside balance, as an attempt in the queue group is bounded otherwise than one that can be pinged.
            attempt(route.timeout, attempts, idempotent, around.now),
            # Next to the wire: what it adds differs from attempt to attempt.
            propagate(),
        ],
        wire,
    )


def publishing(*, around: Surroundings, within: float, wire: Handler) -> Handler:
    """Return the handler of events to one channel; the wire itself sends the same bytes again until ``within``."""
    return compose(
        [
            trace(around.recorder, Side.PUBLISHER),
            measure(around.recorder, Side.PUBLISHER, around.now),
            deadline(within, around.now),
            propagate(),
        ],
        wire,
    )


def inbound(
    endpoint: Handler,
    *,
    side: Side,
    around: Surroundings,
    admission: Admission,
    prompt: bool = False,
    report: Callable[[Request, BaseException], None],
) -> Handler:
    """Return the handler of requests and events to one endpoint of this process; a ``prompt`` one never waits."""
    return compose(
        [
            # Outermost, as outbound: the span continues the caller's trace.
            trace(around.recorder, side),
            # Counts the very outcome the caller will see, so it stands outside rescue.
            measure(around.recorder, side, around.now),
            # Everything below may raise; from here out there are only replies.
            rescue(report),
            # Before any work: a refusal must be cheap.
            admit(admission),
            # After admission, so that what waited too long is dropped before it costs anything.
            expire(around.now),
            # Around the endpoint alone: what the mesh does on its way in is not the endpoint's time. What never
            # waits cannot be stopped.
            None if prompt else bound(around.now),
        ],
        endpoint,
    )
