"""The registry's history as a reader sees it: from a known position to the newest one, every step verified."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from crossply.control import keys, record
from crossply.control.record import Head, Kept, Record, RecordFault
from crossply.wire.link import StoreUnavailable

if TYPE_CHECKING:
    from crossply.control.record import Checkpoint, VerifyKey
    from crossply.wire.link import Store

_MISSING_RETRY = 0.05
_TRIES = 5


class WentBack(RecordFault):
    """The store shows an older state than was seen before: no registry writes so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A revision and the documents in force at it, by ``kind/name``; generation 0 is before the first."""

    generation: int = 0
    revision: int = 0
    hash: str = ""
    manifest: Mapping[str, Kept] = field(default_factory=dict[str, Kept])

    def behind(self, head: Head) -> bool:
        """Whether ``head`` is newer: a later revision, or any revision of a later generation."""
        return (head.generation, head.revision) > (self.generation, self.revision)

    def ahead(self, head: Head) -> bool:
        """Whether ``head`` is older."""
        return (head.generation, head.revision) < (self.generation, self.revision)

    def after(self, change: Record, name: str) -> Position:
        """Return the position that the next record leads to; ``name`` is that record's hash.

        Raise ``RecordFault`` when it is not the next one.
        """
        place = (change.generation, change.revision, change.parent, change.prev_hash)
        if place != (self.generation, self.revision + 1, self.revision, self.hash):
            raise RecordFault(
                f"revision {change.revision} does not follow revision {self.revision}: the chain is broken"
            )
        manifest = dict(self.manifest)
        for document, changed in (change.changed or {}).items():
            if changed.hash is None:
                manifest.pop(document, None)
            else:
                manifest[document] = Kept(changed.hash, change.revision, changed.concerns)
        return Position(generation=self.generation, revision=change.revision, hash=name, manifest=manifest)


class History:
    """Reads heads, records, checkpoints and documents from a tenant's bucket."""

    def __init__(self, store: Store, key: VerifyKey) -> None:
        self._store = store
        self._key = key

    async def newest(self, known: Position, *, leader: bool) -> Position:
        """Return the newest position, ``known`` itself when nothing is newer.

        Raise ``RecordFault`` when what lies there does not verify, ``WentBack`` when it is older than what is known,
        ``StoreUnavailable`` when it cannot be read.
        ``leader`` reads the freshest copy: a replica that lags may still hold what was since overwritten.
        """
        head = await self._head(leader=leader)
        if head is None and not known.generation:
            return known
        if head is None or known.ahead(head):
            there = "nothing" if head is None else f"revision {head.revision} of generation {head.generation}"
            raise WentBack(
                f"the store went back from revision {known.revision} of generation {known.generation} to {there}:"
                " an older state was put in its place; what was seen stays in force"
            )
        if not known.behind(head):
            return known
        at = known
        if head.generation != at.generation or head.revision - at.revision > record.CHECKPOINT_EVERY:
            base = head.revision - head.revision % record.CHECKPOINT_EVERY
            at = _at(await self._checkpoint(head.generation, base, leader=leader))
        while at.revision < head.revision:
            raw = await self._read(keys.record(head.generation, at.revision + 1), leader=leader)
            name = record.digest(raw)
            change = record.open_record(raw, name)
            following = at.after(change, name)
            if change.changed is None:
                # Too much changed for one record: the whole manifest lies beside it.
                beside = await self._checkpoint(head.generation, change.revision, leader=leader)
                if beside.record_hash != name:
                    raise RecordFault(f"the checkpoint of revision {change.revision} belongs to another record")
                following = _at(beside)
            at = following
        if at.hash != head.hash:
            raise RecordFault(f"revision {head.revision} is not the one that the head names")
        return at

    async def document(self, name: str, kept: Kept) -> bytes:
        """Return a document's canonical bytes; raise ``RecordFault`` when they are not those of the manifest."""
        kind, _, document = name.partition("/")
        raw = await self._read(keys.document(kind, document, kept.hash), leader=False)
        if record.digest(raw) != kept.hash:
            raise RecordFault(f"{name} does not hash to {kept.hash[:12]}: it was changed in the store")
        return raw

    async def _head(self, *, leader: bool) -> Head | None:
        entry = await self._store.get(keys.HEAD, leader=leader)
        if entry is None:
            return None
        try:
            head = msgspec.msgpack.decode(entry.value, type=Head)
        except msgspec.DecodeError as error:
            raise RecordFault(f"head does not decode: {error}") from error
        record.verify_head(head, self._key)
        return head

    async def _checkpoint(self, generation: int, revision: int, *, leader: bool) -> Checkpoint:
        found = record.open_checkpoint(
            await self._read(keys.checkpoint(generation, revision), leader=leader), self._key
        )
        if (found.generation, found.revision) != (generation, revision):
            raise RecordFault(f"the checkpoint of revision {revision} belongs to another revision")
        return found

    async def _read(self, key: str, *, leader: bool) -> bytes:
        for _ in range(_TRIES):
            entry = await self._store.get(key, leader=leader)
            if entry is not None:
                return entry.value
            await asyncio.sleep(_MISSING_RETRY)
        raise StoreUnavailable(f"{key} is named but not in the store")


def _at(checkpoint: Checkpoint) -> Position:
    return Position(
        generation=checkpoint.generation,
        revision=checkpoint.revision,
        hash=checkpoint.record_hash,
        manifest=checkpoint.documents,
    )
