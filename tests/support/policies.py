"""Signed revisions in the store, for tests of the policy feed that have no registry."""

from __future__ import annotations

import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crossply.control import keys, record
from crossply.control.record import Announcement, Change, Checkpoint, Head, Kept, Record
from crossply.wire.link import Link, Store
from crossply_policy import canonical
from crossply_policy.parse import parse
from crossply_registry.revisions import contents

_GENERATION = 1


class Policies:
    """Applies documents, one revision each, in the order of writing that the registry keeps to."""

    def __init__(self, link: Link, key: Ed25519PrivateKey | None = None) -> None:
        self._link = link
        self._key = key or record.development_key()
        self._kept: dict[str, Kept] = {}
        self._hash = ""
        self._head_at = 0
        self.head = Head(0, 0, "", b"")
        self.revision = 0

    @property
    def store(self) -> Store:
        """Return where it lies."""
        return self._link.store

    async def begin(self) -> None:
        """Create the bucket and revision 0, which changes nothing."""
        await self._link.streams.ensure_bucket()
        await self._write({}, {})

    async def apply(self, *documents: dict[str, Any], announce: bool = True) -> int:
        """Make the documents one revision and return its number."""
        changed: dict[str, Change] = {}
        carried: dict[str, bytes] = {}
        for plain in documents:
            parsed = parse(plain)
            raw = canonical.canonical(parsed)
            name, hash_ = f"{parsed.kind}/{parsed.name}", canonical.digest(raw)
            concerns = contents.concerns(parsed)
            await self._link.store.create(keys.document(parsed.kind, parsed.name, hash_), raw)
            changed[name], carried[name] = Change(hash_, concerns), raw
            self._kept[name] = Kept(hash_, self.revision + 1, concerns)
        self.revision += 1
        announcement = await self._write(changed, carried)
        if announce:
            await self._link.announce_head(announcement)
        return self.revision

    async def beat(self) -> None:
        """Repeat the head, as the registry does every 2 s."""
        await self._link.announce_head(record.encode(Announcement(self.head)))

    async def _write(self, changed: dict[str, Change], carried: dict[str, bytes]) -> bytes:
        parent = max(0, self.revision - 1)
        entry = Record(_GENERATION, self.revision, parent, self._hash, time.time(), "test", "test", changed)
        raw, self.head = record.sign_head(entry, self._key)
        self._hash = self.head.hash
        await self._link.store.create(keys.record(_GENERATION, self.revision), raw)
        if self.revision % record.CHECKPOINT_EVERY == 0:
            checkpoint = Checkpoint(_GENERATION, self.revision, self._hash, dict(self._kept))
            signed = record.sign_checkpoint(checkpoint, self._key)
            await self._link.store.create(keys.checkpoint(_GENERATION, self.revision), signed)
        value = record.encode(self.head)
        if self._head_at:
            self._head_at = await self._link.store.update(keys.HEAD, value, self._head_at)
        else:
            self._head_at = await self._link.store.create(keys.HEAD, value)
        return record.encode(Announcement(self.head, raw, carried))
