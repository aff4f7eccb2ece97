"""Choose the instance for an attempt, or leave it to the service's queue group."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.errors import CallError, DeadlineExceeded, NobodyToSealTo, NoResponders
from crossply.handler import Handler, Request, Response, layer
from crossply.routing.picker import observe, observe_failed, observe_unfinished
from crossply.routing.verdict import verdict

if TYPE_CHECKING:
    from crossply.clock import Clock
    from crossply.discovery.catalog import Catalog
    from crossply.routing.chooser import Chooser
    from crossply.routing.instances import Callee, Instance


@layer
def balance(inner: Handler, chooser: Chooser, catalog: Catalog, now: Clock) -> Handler:
    """Address the instance that ``chooser`` finds, or leave it to the queue group when it finds none.

    An instance that turns out not to listen is forgotten and another one takes the attempt: nothing was run, so
    this needs neither policy nor budget (gRFC A6 calls it a transparent retry).
    """

    async def balancing(request: Request) -> Response:
        if request.instance is not None:
            return chooser.learned(await inner(request))
        started, latest, absences = now(), request.deadline, 0
        while True:
            began, chosen = now() if absences else started, None
            try:
                chosen = chooser.choose(request, began)
                if chosen is None:
                    return chooser.learned(await inner(request))
                request.instance = chosen.id
                chosen.in_flight += 1
                try:
                    response = await inner(request)
                finally:
                    chosen.in_flight -= 1
                moment = now()
                # Its latency counts when it was answered, and what it is at least when it was not.
                observe(chosen, moment - began, moment)
                return response if response.facts is chooser.told else chooser.learned(response)
            except NoResponders as error:
                request.instance, request.deadline, unsent = None, latest, isinstance(error, NobodyToSealTo)
                if chosen is not None:
                    catalog.forget(chooser.callee.service, chosen.id)
                    continue
            except (CallError, asyncio.CancelledError) as error:
                if chosen is not None:
                    _learn(error, chosen, chooser.callee, began, now())
                raise
            # Returns after a pause, or raises: by the deadline, and after two seconds at the latest.
            await chooser.nobody(catalog, request, started, latest, absences, unsent=unsent)
            absences += 1

    return balancing


def _learn(error: BaseException, chosen: Instance, callee: Callee, began: float, ended: float) -> None:
    """Take in an attempt that raised: as one that would have taken longer, an answer on purpose, a failure, or none."""
    if isinstance(error, DeadlineExceeded | asyncio.CancelledError):
        # Cancelled as when a hedged call was answered elsewhere: the slow one is found to be slow all the same.
        observe_unfinished(chosen, began, ended)
        return
    works = verdict(error)
    if works:
        observe(chosen, ended - began, ended)
    elif works is False:
        observe_failed(chosen, callee.kept, ended)
