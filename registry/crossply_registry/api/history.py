"""``/v1/revisions``: the history, newest first."""

from __future__ import annotations

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from crossply.control.record import Record
from crossply_registry.api.bodies import ChangeBody, RevisionBody, RevisionList
from crossply_registry.api.problems import refusals
from crossply_registry.registry import Registry

Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=100, description="how many at most")]
Before = Annotated[int | None, QueryParameter(name="before", ge=0, description="only what came before this revision")]


@get("/v1/revisions", tags=["history"], responses=refusals(400, 503))
async def list_revisions(registry: NamedDependency[Registry], limit: Limit = 20, before: Before = None) -> RevisionList:
    """List the revisions of this generation, newest first; what is read is verified along its hashes."""
    revisions = registry.parts.revisions
    head = revisions.head
    newest = head.revision if before is None else min(before - 1, head.revision)
    expected = head.hash if newest == head.revision else None
    listed: list[RevisionBody] = []
    for revision in range(newest, max(newest - limit, -1), -1):
        digest, record = await revisions.archive.recorded(head.generation, revision, expected)
        listed.append(_body(digest, record))
        expected = record.prev_hash
    left = newest - len(listed)
    return RevisionList(revisions=listed, next=left + 1 if left >= 0 else None)


def _body(digest: str, record: Record) -> RevisionBody:
    changes = record.changed
    return RevisionBody(
        generation=record.generation,
        revision=record.revision,
        hash=digest,
        at=record.at,
        author=record.author,
        reason=record.reason,
        changes=None
        if changes is None
        else [
            ChangeBody(document=key, action="deleted" if change.hash is None else "set", hash=change.hash)
            for key, change in sorted(changes.items())
        ],
    )
