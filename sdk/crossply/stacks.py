"""What happens to a request, from the top: the layers of each stack in their order, and why there.

A stack is composed once per route and snapshot, never per call. ``None`` stands for a layer that no policy asks for.
The full order is ``OUTBOUND`` and ``INBOUND``; the stacks keep to it, and ``docs/layers.md`` shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from crossply.handler import Handler, Layer, Request, compose
from crossply.layers.admit import admit
from crossply.layers.attempt import attempt
from crossply.layers.balance import balance
from crossply.layers.bar import bar
from crossply.layers.bound import bound
from crossply.layers.breaker import breaker
from crossply.layers.deadline import deadline
from crossply.layers.dedupe import dedupe
from crossply.layers.expire import expire
from crossply.layers.failover import failover
from crossply.layers.fault import fault
from crossply.layers.hedge import hedge
from crossply.layers.limit import limit
from crossply.layers.measure import measure
from crossply.layers.mirror import mirror
from crossply.layers.move import move, move_to_answer
from crossply.layers.outlier import outlier
from crossply.layers.permit import permit
from crossply.layers.propagate import propagate
from crossply.layers.rescue import rescue
from crossply.layers.retry import retry
from crossply.layers.span import span
from crossply.layers.split import split
from crossply.layers.throttle import throttle
from crossply.layers.trace import trace
from crossply.routing.held import UNPROTECTED, Protection
from crossply.routing.moves import Moves
from crossply.telemetry.recorder import Recorder, Side
from crossply_policy.traffic import TrafficPolicy

if TYPE_CHECKING:
    from crossply.access.guard import Check
    from crossply.clock import Chance, Clock
    from crossply.discovery.catalog import Catalog
    from crossply.handler import Facts
    from crossply.protection.admission import Admission
    from crossply.protection.rates import Limited
    from crossply.protection.replies import Replies
    from crossply.routing.budget import RetryBudget
    from crossply.routing.chooser import Chooser
    from crossply.routing.subsets import Subsets
    from crossply_policy.snapshot import Route

OUTBOUND = (
    "trace",
    "measure",
    "deadline",
    "permit",
    "move",
    "throttle",
    "mirror",
    "split",
    "failover",
    "hedge",
    "retry",
    "span",
    "limit",
    "breaker",
    "balance",
    "outlier",
    "attempt",
    "fault",
    "propagate",
    "wire",
)
INBOUND = (
    "trace",
    "measure",
    "rescue",
    "bar",
    "admit",
    "expire",
    "permit",
    "move",
    "throttle",
    "dedupe",
    "bound",
    "endpoint",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every stack of a process shares: clock, chance, zone, where it tells what happened, user's layers."""

    recorder: Recorder
    now: Clock
    chance: Chance
    zone: str = ""
    around_call: tuple[Layer, ...] = ()
    around_attempt: tuple[Layer, ...] = ()
    moves: Moves = field(default_factory=Moves)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """What the layers of ``Traffic`` need besides its policy: who is in which subset, and how to send a copy."""

    subsets: Subsets
    copy: Callable[[Request], None]


def outbound(  # noqa: PLR0913 - all that one stack is made of
    route: Route,
    chooser: Chooser,
    *,
    around: Surroundings,
    catalog: Catalog,
    budget: RetryBudget,
    protection: Protection = UNPROTECTED,
    idempotent: Callable[[Request], bool],
    permitted: Check | None = None,
    limits: Limited = (),
    wire: Handler,
    steering: Steering | None = None,
    moving: bool = False,
) -> Handler:
    """Return the handler of calls to one endpoint: once per call down to ``retry``, then once per attempt.

    ``steering`` is there when the route has ``traffic``; ``moving`` while the connection may not call the service yet.
    """
    traffic = (steering and route.traffic) or TrafficPolicy()
    again = route.retry if route.retry.attempts else None
    spans = span(around.recorder, around.now), span(around.recorder, around.now, hedged=True)
    hedged, breakers, slots = protection.latencies, protection.breakers, protection.slots
    return compose(
        [
            # Outermost, so that the span covers what the caller waits for, and its id is on every attempt.
            trace(around.recorder, Side.CALLER),
            # Outside everything that can refuse, so that a refusal is counted as well.
            measure(around.recorder, Side.CALLER, around.now),
            # The user's own: what these refuse or add is measured, and what they wait for is theirs.
            *around.around_call,
            # Before any waiting: all that follows spends from this.
            deadline(route.timeout.total, around.now),
            # Once per call, and before anything is spent on it: what the callee would refuse is not sent.
            permit(permitted) if permitted else None,
            # Before anything is spent: nothing could be sent before.
            move(around.moves, around.now) if moving else None,
            # Once per call, and before anything is done for it: what it refuses never left.
            throttle(limits) if limits else None,
            # Once per call, whatever becomes of it: a copy for each attempt would multiply load.
            mirror(traffic.mirror.percentage, steering.copy, around.chance) if traffic.mirror and steering else None,
            # Outside retry: a call stays in its subset, so that what is measured of a canary is the canary's.
            split(traffic.split, steering.subsets, around.chance, known=not traffic.failover)
            if traffic.split and steering
            else None,
            # Inside split: it corrects what that chose. Outside retry, for the same reason.
            failover(traffic.failover, steering.subsets) if traffic.failover and steering else None,
            # Instead of retry: it makes the further attempts of the calls it does not hedge as well.
            hedge(route.hedge, again, budget, hedged, idempotent, around.now, around.chance, spans=spans)
            if hedged
            else None,
            # Outside all that belongs to one attempt.
            retry(again, budget, idempotent, around.now, around.chance, spans=spans[0])
            if again and not hedged
            else None,
            # Around each attempt, whatever it meets below. What makes the attempts leads only those of sampled calls
            # through it; where nothing does, there is one.
            None if again or hedged else spans[0],
            # Outside the breaker: what this caller refuses itself is not the callee's failure.
            limit(slots) if slots else None,
            # Around the choice of the instance: it sees every attempt, one that found nobody too.
            breaker(breakers) if breakers else None,
            # Inside retry: another attempt goes to another instance. An instance found absent costs no attempt.
            balance(chooser, catalog, around.now),
            # Inside balance, as it needs the instance; outside attempt, as a slow one counts as failed.
            outlier(protection.outliers) if protection.outliers else None,
            # Inside balance, as an attempt in the queue group is bounded otherwise than one that can be pinged.
            attempt(route.timeout, route.retry.attempts + 1, idempotent, around.now),
            # The user's own, once an attempt. Outside fault, so that an experiment exercises them as well.
            *around.around_attempt,
            # As near to the wire as an outage would be, so that all that protects from one is exercised.
            fault(traffic.fault, around.now, around.chance) if traffic.fault else None,
            # Next to the wire: what it adds differs from attempt to attempt.
            propagate(),
        ],
        wire,
    )


def copying(total: float, chooser: Chooser, *, around: Surroundings, catalog: Catalog, wire: Handler) -> Handler:
    """Return the handler of copies to one endpoint.

    They have no span and no numbers of their own here, where only the call is told of: what a copy causes hangs from
    the call's span. They are not tried again, as they must not spend what calls have.
    """
    return compose(
        [
            # Its own, as nobody waits for it.
            deadline(total, around.now),
            balance(chooser, catalog, around.now),
            propagate(),
        ],
        wire,
    )


def publishing(
    *, around: Surroundings, within: float, permitted: Check | None = None, limits: Limited = (), wire: Handler
) -> Handler:
    """Return the handler of events to one channel; the wire itself sends the same bytes again until ``within``."""
    return compose(
        [
            trace(around.recorder, Side.PUBLISHER),
            measure(around.recorder, Side.PUBLISHER, around.now),
            deadline(within, around.now),
            # A stream takes what it gets: who may not publish is refused before it has the event.
            permit(permitted) if permitted else None,
            move(around.moves, around.now) if around.moves.publishing else None,
            # Where events are made: what subscribers have not taken yet is the stream's matter.
            throttle(limits) if limits else None,
            propagate(),
        ],
        wire,
    )


def inbound(  # noqa: PLR0913 - all that one stack is made of
    endpoint: Handler,
    *,
    side: Side,
    around: Surroundings,
    admission: Admission,
    operation: str,
    permitted: Check | None = None,
    limits: Limited = (),
    barred: frozenset[str] = frozenset(),
    kept: tuple[Replies, Facts] | None = None,
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
            # Before admission: whoever is not believed takes no place of those who are.
            bar(barred) if barred else None,
            # Before any work: a refusal must be cheap.
            admit(admission, operation, around.now, prompt=prompt),
            # After admission, so that what waited too long is dropped before it costs anything.
            expire(around.now),
            # Needs to know who is calling; before the rates, so that what may not be takes nobody's tokens.
            permit(permitted) if permitted else None,
            # Needs the peer as well: replies to some could not be sent yet.
            move_to_answer(around.moves, around.now) if around.moves.answering and side is Side.CALLEE else None,
            # Needs the peer that is calling; before anything is decoded.
            throttle(limits) if limits else None,
            # After all that may refuse: what was refused is no outcome to be kept.
            dedupe(*kept) if kept else None,
            # Around the endpoint alone: what the mesh does on its way in is not the endpoint's time. What never
            # waits cannot be stopped.
            None if prompt else bound(around.now),
        ],
        endpoint,
    )
