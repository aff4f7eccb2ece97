"""Choose the instance for an attempt, or leave it to the service's queue group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.errors import NoResponders
from crossply.handler import Handler, Request, Response, layer
from crossply.routing.picker import observe

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.discovery.catalog import Catalog
    from crossply.routing.instances import Callee, Instance
    from crossply.routing.picker import Picker


@layer
def balance(
    inner: Handler, callee: Callee, endpoint: str, picker: Picker | None, catalog: Catalog, now: Clock
) -> Handler:
    """Address the instance that ``picker`` chooses; without a picker, or without instances, the queue group.

    An instance that turns out not to listen is forgotten and another one takes the attempt: nothing was run, so
    this needs neither policy nor budget (gRFC A6 calls it a transparent retry).
    """

    async def balancing(request: Request) -> Response:
        if request.instance is not None:
            return await inner(request)
        started, latest = now(), request.deadline
        for tries in range(1_000_000):
            chosen = _choose(request)
            if chosen is not None:
                request.instance = chosen.id
                try:
                    return await _measured(chosen, request)
                except NoResponders:
                    catalog.forget(callee.service, chosen.id)
                    request.instance, request.deadline = None, latest
                    continue
            request.deadline = latest
            try:
                return await inner(request)
            except NoResponders:
                await catalog.nobody(callee, endpoint, started, request.deadline, tries)
        raise AssertionError("unreachable: the catalog ends the search by the deadline")

    def _choose(request: Request) -> Instance | None:
        if picker is None:
            return None
        serving = callee.serving(endpoint)
        if request.tried:
            serving = [each for each in serving if each.id not in request.tried] or serving
        return picker.pick(serving, now()) if serving else None

    async def _measured(instance: Instance, request: Request) -> Response:
        instance.in_flight += 1
        began = now()
        try:
            response = await inner(request)
        finally:
            instance.in_flight -= 1
        moment = now()
        observe(instance, moment - began, moment)
        return response

    return balancing
