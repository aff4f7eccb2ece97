"""The policy feed: follows the registry's signed revisions and hands each new snapshot to the data plane."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from crossply.control import keys, record
from crossply.control.record import Announcement, Change, Head, Kept, Record, RecordFault
from crossply.telemetry.logs import get_logger
from crossply.wire.link import StoreUnavailable
from crossply_policy.canonical import digest, from_canonical
from crossply_policy.compile import compile_snapshot
from crossply_policy.faults import PolicyInvalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from crossply.tasks import Tasks
    from crossply.wire.link import Link
    from crossply_policy.documents import Document
    from crossply_policy.snapshot import Snapshot

_MISSING_RETRY = 0.05
_TRIES = 5
_ALL = "*"


class PolicyFeed:
    """Keeps the newest good snapshot of what concerns this process.

    It verifies hash, chain and signature, never goes back within a generation, and keeps the last good snapshot
    when a revision cannot be used; ``refused`` then says why. A document that concerns only services that this
    process neither serves nor calls is not fetched until ``want`` names one of them.
    """

    def __init__(
        self, link: Link, key: bytes | None, adopt: Callable[[Snapshot], None], tasks: Tasks
    ) -> None:
        self._link = link
        self._raw_key = key
        self._key: Ed25519PublicKey | None = None
        self._adopt = adopt
        self._tasks = tasks
        self._log = get_logger("policy")
        self._wanted: set[str] = set()
        self._manifest: dict[str, Kept] = {}
        self._documents: dict[str, tuple[str, Document]] = {}
        self._hash = ""
        self._moving = asyncio.Lock()
        self._catching_up = False
        self._incomplete = False
        self.generation: int = 0
        self.revision: int = 0
        self.refused = ""

    def _public_key(self) -> Ed25519PublicKey:
        if self._key is None:
            self._key = record.public_key(self._raw_key)
        return self._key

    async def start(self) -> None:
        """Listen to announcements and load what is in force; an absent registry leaves the compiled defaults."""
        self._watching = await self._link.watch_head(self._announced)
        await self.catch_up()

    async def want(self, service: str) -> None:
        """Fetch the documents that concern a service, from now on also when they change."""
        if service in self._wanted:
            return
        self._wanted.add(service)
        await self._complete()

    async def _complete(self) -> None:
        """Fetch what is wanted and in force but not here; where the store is away, the next announcement tries again."""
        async with self._moving:
            missing = self._missing()
            try:
                if missing and await self._fetch(missing, {}):
                    self._compile()
            except (RecordFault, PolicyInvalid) as fault:
                self._refuse(str(fault))
            except StoreUnavailable as error:
                self._incomplete = True
                self._log.debug("policy_store_unavailable", error=str(error))

    def _announced(self, raw: bytes) -> None:
        try:
            message = record.open_announcement(raw)
            if (message.head.generation, message.head.revision) <= (self.generation, self.revision):
                if self._incomplete:
                    self._incomplete = False
                    self._tasks.spawn(self._complete(), "policy completed")
                return
            record.verify_head(message.head, self._public_key())
        except RecordFault as fault:
            self._refuse(str(fault))
            return
        self._tasks.spawn(self._move(message), "policy revision")

    async def _move(self, message: Announcement) -> None:
        head = message.head
        if message.record and head.generation == self.generation and head.revision == self.revision + 1:
            async with self._moving:
                try:
                    if await self._follow(head, message.record, message.documents):
                        return
                except (RecordFault, PolicyInvalid, msgspec.DecodeError) as fault:
                    self._refuse(str(fault))
                    return
                except StoreUnavailable as error:
                    self._log.debug("policy_store_unavailable", error=str(error))
        await self.catch_up()

    async def catch_up(self) -> None:
        """Go to the newest head in the store, record by record, or from a checkpoint when far behind."""
        if self._catching_up:
            return
        self._catching_up = True
        try:
            async with self._moving:
                await self._catch_up()
        except StoreUnavailable as error:
            self._log.debug("policy_store_unavailable", error=str(error))
        except (RecordFault, PolicyInvalid, msgspec.DecodeError) as fault:
            self._refuse(str(fault))
        finally:
            self._catching_up = False

    async def _catch_up(self) -> None:
        head = await self._head()
        if head is None or (head.generation, head.revision) <= (self.generation, self.revision):
            return
        if head.generation != self.generation or head.revision - self.revision > record.CHECKPOINT_EVERY:
            await self._from_checkpoint(head)
        records: list[tuple[Record, str]] = []
        generation, at, last = self.generation, self.revision, self._hash
        while at < head.revision:
            at += 1
            raw = await self._read(keys.record(generation, at))
            found = msgspec.msgpack.decode(raw, type=Record)
            if found.prev_hash != last or found.revision != at:
                raise RecordFault(f"revision {at} does not follow revision {at - 1}: the chain is broken")
            last = record.digest(raw)
            records.append((found, last))
        if last != head.hash:
            raise RecordFault(f"revision {head.revision} is not the one that the head names")
        for each, raw_hash in records:
            if each.changed is None:
                self._manifest = dict((await self._checkpoint(generation, each.revision, raw_hash)).documents)
            else:
                self._note(each)
        await self._fetch(self._missing(), {})
        self.generation, self.revision, self._hash = head.generation, head.revision, head.hash
        self._compile()

    async def _head(self) -> Head | None:
        entry = await self._link.store.get(keys.HEAD)
        if entry is None:
            return None
        head = msgspec.msgpack.decode(entry.value, type=Head)
        record.verify_head(head, self._public_key())
        return head

    async def _from_checkpoint(self, head: Head) -> None:
        at = head.revision - head.revision % record.CHECKPOINT_EVERY
        checkpoint = await self._checkpoint(head.generation, at, None)
        self._manifest = dict(checkpoint.documents)
        self.generation, self.revision, self._hash = (
            checkpoint.generation,
            checkpoint.revision,
            checkpoint.record_hash,
        )

    async def _checkpoint(self, generation: int, revision: int, record_hash: str | None) -> record.Checkpoint:
        raw = await self._read(keys.checkpoint(generation, revision))
        found = record.open_checkpoint(raw, self._public_key())
        if (found.generation, found.revision) != (generation, revision) or found.record_hash != (
            record_hash or found.record_hash
        ):
            raise RecordFault(f"the checkpoint of revision {revision} belongs to another revision")
        return found

    async def _read(self, key: str) -> bytes:
        for _ in range(_TRIES):
            entry = await self._link.store.get(key)
            if entry is not None:
                return entry.value
            await asyncio.sleep(_MISSING_RETRY)
        raise StoreUnavailable(f"{key} is announced but not in the store yet")

    async def _follow(self, head: Head, raw: bytes, carried: dict[str, bytes]) -> bool:
        """Take the announced revision if it is the next one; return False when the store must be read instead."""
        announced = record.open_record(raw, head.hash)
        if (
            announced.parent != self.revision
            or announced.prev_hash != self._hash
            or announced.changed is None
        ):
            return False
        self._note(announced)
        await self._fetch(self._missing(), carried)
        self.revision, self._hash = head.revision, head.hash
        self._compile()
        return True

    def _note(self, change: Record) -> None:
        for name, changed in (change.changed or {}).items():
            self._note_one(name, changed, change.revision)

    def _note_one(self, name: str, changed: Change, revision: int) -> None:
        if changed.hash is None:
            self._manifest.pop(name, None)
            self._documents.pop(name, None)
        else:
            self._manifest[name] = Kept(changed.hash, revision, changed.concerns)

    def _missing(self) -> list[str]:
        return [
            name
            for name, kept in self._manifest.items()
            if (_ALL in kept.concerns or not self._wanted.isdisjoint(kept.concerns))
            and self._documents.get(name, ("",))[0] != kept.hash
        ]

    async def _fetch(self, missing: list[str], carried: dict[str, bytes]) -> bool:
        """Bring the documents named, verified by their digest; return whether there were any."""
        for name in missing:
            kept = self._manifest[name]
            raw = carried.get(name)
            if raw is None or digest(raw) != kept.hash:
                kind, _, document = name.partition("/")
                raw = await self._read(keys.document(kind, document, kept.hash))
                if digest(raw) != kept.hash:
                    raise RecordFault(
                        f"{name} does not hash to {kept.hash[:12]}: it was changed in the store"
                    )
            self._documents[name] = (kept.hash, from_canonical(raw))
        return bool(missing)

    def _compile(self) -> None:
        documents = [document for _, document in self._documents.values()]
        snapshot = compile_snapshot(documents, generation=self.generation, revision=self.revision)
        self.refused = ""
        self._adopt(snapshot)

    def _refuse(self, why: str) -> None:
        if why != self.refused:
            self._log.warning("policy_refused", why=why, generation=self.generation, revision=self.revision)
        self.refused = why

    async def aclose(self) -> None:
        """Follow no more."""
        watching = getattr(self, "_watching", None)
        if watching is not None:
            await watching.aclose()
