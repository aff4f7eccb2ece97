"""Writes one revision in the order that makes it a single step: documents, record, head.

The head is the only truth: until it names a record, that record is nothing. A writer that dies between
record and head leaves an orphan under a number that the next writer needs, and an orphan cannot be told from
the record of a writer that is only slow. Hence the fence: before overwriting what lies under the next number,
a writer rewrites the head as it is. That moves the head's revision in the store, so that a slow writer's
compare-and-set on the head fails; and as what lay there was read before the fence, and is overwritten by
compare-and-set, of any two writers that both fence, the one whose head goes through is the one whose record
lies under the number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crossply.control import keys
from crossply.control.record import encode
from crossply.wire.link import Conflict, Entry, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crossply.wire.link import Store
    from crossply_registry.revisions.next_revision import NextRevision


class Occupied(Exception):
    """Something lies under the next number; ``seen`` maps the keys to their revisions in the store."""

    def __init__(self, seen: Mapping[str, int]) -> None:
        super().__init__(", ".join(seen))
        self.seen = dict(seen)


class Unsure(StoreUnavailable):
    """The store went away while the head was being moved: the change may have been made, or not."""


async def write_revision(
    store: Store, coming: NextRevision, head: Entry, *, discard: Mapping[str, int] | None = None
) -> None:
    """Store ``coming`` on top of ``head`` and move the head to it.

    Raise ``Occupied`` when something lies under the next number, unless it is exactly ``discard``;
    ``Conflict`` when another writer came in between, so that one must begin again from a fresh head;
    ``Unsure`` or ``StoreUnavailable``.
    """
    for place, raw in coming.documents.items():
        await _settle(store, place, raw)
    found = {place: await store.get(place, leader=True) for place in coming.numbered}
    seen = {place: entry.revision for place, entry in found.items() if entry is not None}
    at = head.revision
    if seen:
        if seen != discard:
            raise Occupied(seen)
        at = await store.update(keys.HEAD, head.value, head.revision)
    for place, raw in coming.numbered.items():
        if place in seen:
            await store.update(place, raw, seen[place])
        else:
            await store.create(place, raw)
    try:
        await store.update(keys.HEAD, encode(coming.head), at)
    except StoreUnavailable as error:
        raise Unsure(f"{error}; the change may have been made: read the document before trying again") from error


async def _settle(store: Store, place: str, raw: bytes) -> None:
    """Store a document under its digest; what already lies there is the same, or damaged."""
    try:
        await store.create(place, raw)
    except Conflict:
        entry = await store.get(place, leader=True)
        if entry is not None and entry.value != raw:
            await store.update(place, raw, entry.revision)
