"""Choose among the instances that serve one endpoint, or one of its subsets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import Absent, NoResponders, NotFound
from crossply.routing.eligible import Eligible
from crossply.routing.picker import InTurn, LeastLatency
from crossply.routing.ring import ByKey
from crossply.routing.warmth import Warmth

if TYPE_CHECKING:
    from crossply.clock import Chance
    from crossply.discovery.catalog import Catalog
    from crossply.handler import Facts, Request, Response
    from crossply.routing.instances import Callee, Instance
    from crossply.routing.outliers import Outliers
    from crossply.routing.picker import Picker
    from crossply.routing.subsets import Subsets
    from crossply_policy.snapshot import Route


class Chooser:
    """What one stack knows of whom to choose: who may be, by which method; without a picker, nobody.

    Without ``eligible`` all that are no suspects may be. ``told`` is what the last reply said of the endpoint.
    """

    def __init__(
        self,
        callee: Callee,
        endpoint: str,
        picker: Picker | None,
        *,
        subsets: Subsets | None = None,
        eligible: Eligible | None = None,
        outliers: Outliers | None = None,
    ) -> None:
        self.callee = callee
        self.endpoint = endpoint
        self._picker = picker
        self._subsets = subsets
        self._eligible = eligible
        self._outliers = outliers
        self.told: Facts | None = None

    def learned(self, response: Response) -> Response:
        """Remember what a reply says of the endpoint; return the reply."""
        if response.facts is not None:
            self.callee.facts[self.endpoint] = self.told = response.facts
        return response

    def choose(self, request: Request, moment: float) -> Instance | None:
        """Return the instance for an attempt: one that was not tried yet, where there is one.

        Raise ``NoResponders`` when nobody of the request's subset is known: the queue group may be others.
        """
        if self._picker is None:
            return None
        subset, subsets, eligible = request.subset, self._subsets, self._eligible
        if subset is None or subsets is None:
            listed = self.callee.serving(self.endpoint) if eligible is None else self.callee.having(self.endpoint)
        else:
            listed = subsets.serving(subset) if eligible is None else subsets.having(subset)
            if not listed:
                raise NoResponders(_nobody_of(request))
        if eligible is not None:
            outliers = self._outliers
            if outliers is not None and moment >= outliers.due:
                probed = outliers.probe(listed, request, moment)
                if probed is not None:
                    return probed
            listed = eligible.of(listed, subset)
        return self._picker.pick(listed, request, moment) if listed else None

    async def nobody(
        self, catalog: Catalog, request: Request, started: float, deadline: float, tries: int, *, unsent: bool = False
    ) -> None:
        """Wait as the catalog says when nobody listens, or raise; of a subset, its name is in the error.

        What was ``unsent``, for want of anybody to seal to, is tried once more before its callee is not found: who is
        there and cannot be sealed to is known by then, and the next try says so at no cost.
        """
        try:
            await catalog.nobody(self.callee, self.endpoint, started, deadline, tries)
        except NotFound:
            if not unsent or tries:
                raise
        except Absent as absent:
            if request.subset is None:
                raise
            raise Absent(_nobody_of(request), origin=absent.origin) from absent


def chooser(
    route: Route,
    callee: Callee,
    endpoint: str,
    chance: Chance,
    zone: str,
    subsets: Subsets | None = None,
    outliers: Outliers | None = None,
) -> Chooser:
    """Return how instances are chosen; who may be is only asked where more than suspicion decides."""
    policy = route.balance
    asks = outliers is not None or policy.panic > 0 or (zone and policy.zone == "first")
    eligible = Eligible(policy, zone, outliers) if asks else None
    # The broker knows of no subsets: where calls have one, the caller chooses.
    addressed = policy.method != "queue" or subsets is not None
    picker = _picker(route, chance) if addressed else None
    return Chooser(callee, endpoint, picker, subsets=subsets, eligible=eligible, outliers=outliers)


def _picker(route: Route, chance: Chance) -> Picker:
    warmth = Warmth(route.warmup, chance)
    if route.balance.method == "round_robin":
        return InTurn(chance, warmth)
    by_latency = LeastLatency(chance, warmth)
    return ByKey(by_latency) if route.balance.method == "hash" else by_latency


def _nobody_of(request: Request) -> str:
    return f"{request.operation}: no instance of subset {request.subset} is known"
