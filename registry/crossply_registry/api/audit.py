"""``/v1/audit``: what data planes decided about messages."""

from __future__ import annotations

from typing import Annotated, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromQuery, QueryParameter
from msgspec import Meta, Struct

from crossply.audit.entry import Entry
from crossply_registry.api.bodies import UnixSeconds
from crossply_registry.api.problems import refusals
from crossply_registry.audit import Told
from crossply_registry.registry import Registry

_MOST: Final = 1_000

Last = Annotated[int, QueryParameter(name="last", ge=1, le=_MOST, description="how many at most")]
After = Annotated[
    int | None, QueryParameter(name="after", ge=0, description="the `after` of the answer before: only what is newer")
]


class AuditEntryBody(Struct, frozen=True, kw_only=True):
    """One decision."""

    sequence: Annotated[int, Meta(description="of the batch in the stream that it came in")]
    at: UnixSeconds
    outcome: str
    action: str
    service: Annotated[str, Meta(description="the service that decided")]
    instance: str
    caller: Annotated[str, Meta(description="the service whose message it was")]
    caller_identity: str
    caller_instance: str
    operation: Annotated[str, Meta(description="the operation or channel")]
    rule: Annotated[str, Meta(description="the Access document that decided, or `default`")]
    reason: Annotated[str, Meta(description="why a message was not opened")]
    trace_id: str
    generation: int
    revision: int


class AuditPage(Struct, frozen=True, kw_only=True):
    """Decisions, the oldest first."""

    entries: list[AuditEntryBody]
    after: Annotated[int, Meta(description="what to ask on from")]
    dropped: Annotated[int, Meta(description="decisions that data planes had no room for, among those looked at")]
    unread: Annotated[int, Meta(description="batches that could not be read")]
    more: Annotated[bool, Meta(description="whether there are others that were not looked at")]


@get("/v1/audit", tags=["observed"], responses=refusals(400, 503))
async def read_audit(
    registry: NamedDependency[Registry],
    last: Last = 100,
    after: After = None,
    outcome: FromQuery[str | None] = None,
    caller: FromQuery[str | None] = None,
    operation: FromQuery[str | None] = None,
) -> AuditPage:
    """Read the last decisions, or those after a place; all refusals are among them, and a share of what was allowed."""

    def wanted(entry: Entry) -> bool:
        return (
            outcome in {None, entry.outcome} and caller in {None, entry.caller} and operation in {None, entry.operation}
        )

    audit = registry.parts.audit
    page = await (audit.last(last, wanted) if after is None else audit.since(after, last, wanted))
    return AuditPage(
        entries=[_body(each) for each in page.entries],
        after=page.after,
        dropped=page.dropped,
        unread=page.unread,
        more=page.more,
    )


def _body(told: Told) -> AuditEntryBody:
    entry = told.entry
    return AuditEntryBody(
        sequence=told.sequence,
        at=entry.at,
        outcome=str(entry.outcome),
        action=str(entry.action),
        service=told.teller.service,
        instance=told.teller.instance,
        caller=entry.caller,
        caller_identity=entry.identity,
        caller_instance=entry.instance,
        operation=entry.operation,
        rule=entry.rule,
        reason=entry.reason,
        trace_id=entry.trace_id,
        generation=entry.generation,
        revision=entry.revision,
    )
