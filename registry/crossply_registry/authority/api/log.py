"""``GET /v1/log``: the issuance log, its chain verified as it is read."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from crossply_registry.api.problems import refusals
from crossply_registry.authority.api.bodies import EntryBody, Journalled
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.journal import Entry

_PAGE: Final = 200
After = Annotated[int, QueryParameter(name="after", ge=0, description="the number of the last entry that is known")]


@get("/v1/log", tags=["log"], responses=refusals(400, 401, 503))
async def read_log(
    authority: NamedDependency[Authority],
    operator: NamedDependency[str],  # noqa: ARG001 - asking for it is the check
    after: After = 0,
) -> Journalled:
    """Return the entries behind one, oldest first, 200 at most."""
    journal = authority.parts.journal
    after = min(after, await journal.refresh())
    entries: list[EntryBody] = []
    async for each in journal.entries(after):
        entries.append(_body(each))
        if len(entries) == _PAGE:
            break
    last = entries[-1].number if entries else after
    return Journalled(entries=entries, next=last if last < journal.length else None)


def _body(entry: Entry) -> EntryBody:
    return EntryBody(
        number=entry.number,
        at=entry.at,
        what=entry.what,
        identity=entry.identity,
        instance=entry.instance,
        serial=entry.serial.hex(),
        cid=entry.cid.hex(),
        not_after=entry.not_after,
        by=entry.by,
        reason=entry.reason,
        prev=entry.prev.hex(),
    )
