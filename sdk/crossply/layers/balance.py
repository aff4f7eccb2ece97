"""Choose the instance for an attempt, or leave it to the service's queue group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import Absent, DeadlineExceeded, NoResponders
from crossply.handler import Handler, Request, Response, layer
from crossply.routing.picker import observe

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.discovery.catalog import Catalog
    from crossply.routing.instances import Callee, Instance
    from crossply.routing.picker import Picker
    from crossply.routing.subsets import Subsets


@layer
def balance(inner: Handler, chooser: Chooser, catalog: Catalog, now: Clock) -> Handler:
    """Address the instance that ``chooser`` finds, or leave it to the queue group when it finds none.

    An instance that turns out not to listen is forgotten and another one takes the attempt: nothing was run, so
    this needs neither policy nor budget (gRFC A6 calls it a transparent retry).
    """

    async def balancing(request: Request) -> Response:
        if request.instance is not None:
            return await inner(request)
        started, latest, absences = now(), request.deadline, 0
        while True:
            began, chosen = now() if absences else started, None
            try:
                chosen = chooser.choose(request, began)
                if chosen is None:
                    return await inner(request)
                request.instance = chosen.id
                chosen.in_flight += 1
                try:
                    response = await inner(request)
                finally:
                    chosen.in_flight -= 1
                moment = now()
                # Its latency counts when it was answered, or ran out of time.
                observe(chosen, moment - began, moment)
                return response
            except DeadlineExceeded:
                if chosen is not None:
                    observe(chosen, now() - began, now())
                raise
            except NoResponders:
                request.instance, request.deadline = None, latest
                if chosen is not None:
                    catalog.forget(chooser.callee.service, chosen.id)
                    continue
            # Returns after a pause, or raises: by the deadline, and after two seconds at the latest.
            await chooser.nobody(catalog, request, started, latest, absences)
            absences += 1

    return balancing


def _nobody_of(request: Request) -> str:
    return f"{request.operation}: no instance of subset {request.subset} is known"


class Chooser:
    """Chooses among the instances that serve one endpoint; without a picker, none."""

    def __init__(self, callee: Callee, endpoint: str, picker: Picker | None, subsets: Subsets | None = None) -> None:
        self.callee = callee
        self.endpoint = endpoint
        self._picker = picker
        self._subsets = subsets

    def choose(self, request: Request, moment: float) -> Instance | None:
        """Return the instance for an attempt: one that was not tried yet, where there is one.

        Raise ``NoResponders`` when nobody of the request's subset is known: the queue group may be others.
        """
        if self._picker is None:
            return None
        if request.subset is None or self._subsets is None:
            serving = self.callee.serving(self.endpoint)
        else:
            serving = self._subsets.serving(request.subset)
            if not serving:
                raise NoResponders(_nobody_of(request))
        if request.tried:
            serving = [each for each in serving if each.id not in request.tried] or serving
        return self._picker.pick(serving, moment) if serving else None

    async def nobody(self, catalog: Catalog, request: Request, started: float, deadline: float, tries: int) -> None:
        """Wait as the catalog says when nobody listens, or raise; of a subset, its name is in the error."""
        try:
            await catalog.nobody(self.callee, self.endpoint, started, deadline, tries)
        except Absent as absent:
            if request.subset is None:
                raise
            raise Absent(_nobody_of(request), origin=absent.origin) from absent
