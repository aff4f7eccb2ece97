"""The history as it lies in the store: read from the leader, verified, and replayed into contents."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from crossply.control import keys
from crossply.control.record import (
    CHECKPOINT_EVERY,
    Head,
    Kept,
    Record,
    RecordFault,
    VerifyKey,
    digest,
    open_checkpoint,
    open_record,
    verify_head,
)
from crossply_policy.canonical import from_canonical
from crossply_policy.faults import PolicyInvalid
from crossply_registry.revisions.contents import Contents, Held

if TYPE_CHECKING:
    from crossply.wire.link import Entry, Store

_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class StoredHead:
    """The head, and the entry it was read from."""

    head: Head
    entry: Entry


@dataclass(frozen=True, slots=True)
class _Manifest:
    """The documents in force at a revision, not read yet."""

    revision: int
    record_hash: str
    kept: Mapping[str, Kept]


class Archive:
    """Reads a tenant's history; raises ``StoreUnavailable``, and ``RecordFault`` for what does not verify."""

    def __init__(self, store: Store, key: VerifyKey) -> None:
        self._store = store
        self.key = key

    async def head(self) -> StoredHead | None:
        """Return the newest head, None in an empty store."""
        entry = await self._store.get(keys.HEAD, leader=True)
        if entry is None:
            return None
        try:
            head = msgspec.msgpack.decode(entry.value, type=Head)
        except msgspec.DecodeError as error:
            raise RecordFault(f"head does not decode: {error}") from error
        verify_head(head, self.key)
        return StoredHead(head, entry)

    async def contents(self, head: Head, known: Contents | None) -> Contents:
        """Return what holds at ``head``; documents that ``known`` has are not read again."""
        manifest = await self._manifest(head, known)
        have: Mapping[str, Held] = {} if known is None else known.held
        gate = asyncio.Semaphore(_AT_ONCE)

        async def hold(key: str, kept: Kept) -> tuple[str, Held]:
            held = have.get(key)
            if held is not None and held.kept.hash == kept.hash:
                return key, Held(held.document, held.raw, kept)
            async with gate:
                return key, await self._document(key, kept)

        found = await asyncio.gather(*(hold(key, kept) for key, kept in manifest.kept.items()))
        return Contents(
            generation=head.generation,
            revision=head.revision,
            record_hash=head.hash,
            held=MappingProxyType(dict(found)),
        )

    async def holds(self, head: Head) -> bool:
        """Say whether the record of ``head`` is the one that lies at its revision."""
        entry = await self._store.get(keys.record(head.generation, head.revision), leader=True)
        return entry is not None and digest(entry.value) == head.hash

    async def recorded(self, generation: int, revision: int, expected: str | None) -> tuple[str, Record]:
        """Return the hash and the record of a revision; the hash must be ``expected``, where one is."""
        place = keys.record(generation, revision)
        entry = await self._store.get(place, leader=True)
        if entry is None:
            raise RecordFault(f"record {place} is missing: the store has lost a part of its history")
        name = digest(entry.value)
        record = open_record(entry.value, expected or name)
        if (record.generation, record.revision) != (generation, revision):
            raise RecordFault(f"record {place} says that it is {record.generation}.{record.revision}")
        return name, record

    async def _manifest(self, head: Head, known: Contents | None) -> _Manifest:
        """Walk from the head down to something known in full, then apply the records on the way up again."""
        below = _near(head, known)
        base = head.revision - head.revision % CHECKPOINT_EVERY if below is None else below.revision
        expected, records = head.hash, list[Record]()
        for revision in range(head.revision, base, -1):
            _, record = await self.recorded(head.generation, revision, expected)
            if record.changed is None:
                below, base = None, revision
                break
            records.append(record)
            expected = record.prev_hash
        if below is None:
            below = await self._checkpoint(head.generation, base)
        if below.record_hash != expected:
            raise RecordFault(f"history does not lead from revision {below.revision} to {head.revision}")
        kept = dict(below.kept)
        for record in reversed(records):
            _apply(record, kept)
        return _Manifest(head.revision, head.hash, kept)

    async def _checkpoint(self, generation: int, revision: int) -> _Manifest:
        place = keys.checkpoint(generation, revision)
        entry = await self._store.get(place, leader=True)
        if entry is None:
            raise RecordFault(f"checkpoint {place} is missing: the store has lost a part of its history")
        checkpoint = open_checkpoint(entry.value, self.key)
        if (checkpoint.generation, checkpoint.revision) != (generation, revision):
            raise RecordFault(f"checkpoint {place} says that it is {checkpoint.generation}.{checkpoint.revision}")
        return _Manifest(revision, checkpoint.record_hash, checkpoint.documents)

    async def _document(self, key: str, kept: Kept) -> Held:
        kind, _, name = key.partition("/")
        entry = await self._store.get(keys.document(kind, name, kept.hash), leader=True)
        if entry is None or digest(entry.value) != kept.hash:
            raise RecordFault(f"document {key} is missing or was changed in the store")
        try:
            return Held(from_canonical(entry.value), entry.value, kept)
        except PolicyInvalid as error:
            raise RecordFault(f"document {key} is not one this version reads: {error}") from error


def _near(head: Head, known: Contents | None) -> _Manifest | None:
    """Return the manifest of ``known`` if the head is a few records above it."""
    if known is None or known.generation != head.generation:
        return None
    if not known.revision <= head.revision <= known.revision + CHECKPOINT_EVERY:
        return None
    return _Manifest(known.revision, known.record_hash, known.manifest())


def _apply(record: Record, kept: dict[str, Kept]) -> None:
    for key, change in (record.changed or {}).items():
        if change.hash is None:
            kept.pop(key, None)
        else:
            kept[key] = Kept(hash=change.hash, revision=record.revision, concerns=change.concerns)
