"""The revision log of one replica: what is in force, and how to change it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

from crossply.clock import Chance, chance
from crossply.control.record import Announcement, Head, RecordFault, VerifyKey, encode
from crossply.wire.link import Conflict, StoreUnavailable
from crossply_registry.revisions.archive import Archive, StoredHead
from crossply_registry.revisions.contents import Contents
from crossply_registry.revisions.next_revision import Changes, next_revision
from crossply_registry.revisions.origin import ensure_origin
from crossply_registry.revisions.signing_again import sign_again
from crossply_registry.revisions.writing import Occupied, write_revision

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from crossply.wire.link import Store

Announce: TypeAlias = Callable[[bytes], Awaitable[None]]
Decide: TypeAlias = Callable[[Contents], Changes]
Pause: TypeAlias = Callable[[float], Awaitable[None]]

_TRIES: Final = 12
_CONTENDED: Final = 0.02
_ORPHANED: Final = 0.1


class NotLoaded(Exception):
    """The history has not been read yet."""


class Contended(Exception):
    """Other replicas wrote first every time."""


@dataclass(frozen=True, slots=True)
class Written:
    """The outcome of an apply: what is in force now, and whether a revision was made for it."""

    contents: Contents
    changed: bool


class RevisionLog:
    """One replica's view of the history; every write begins with the newest head and ends with a newer one.

    ``announce`` does not raise: what it could not say, the repeated head says. ``known`` is by what the history is
    believed, the key itself unless said; ``now`` is unix seconds.
    """

    def __init__(
        self,
        store: Store,
        key: Ed25519PrivateKey,
        announce: Announce,
        *,
        known: VerifyKey | None = None,
        now: Callable[[], float] = time.time,
        pause: Pause = asyncio.sleep,
        luck: Chance | None = None,
    ) -> None:
        self._store = store
        self._key = key
        self._archive = Archive(store, known or key.public_key())
        self._announce = announce
        self._now = now
        self._pause = pause
        self._luck = luck or chance()
        self._lock = asyncio.Lock()
        self._head: Head | None = None
        self._contents: Contents | None = None
        self.fault: str | None = None

    @property
    def archive(self) -> Archive:
        """Return the reader of the stored history."""
        return self._archive

    @property
    def contents(self) -> Contents:
        """Return what is in force as this replica knows it; raise ``NotLoaded`` before the first read."""
        if self._contents is None:
            raise NotLoaded
        return self._contents

    @property
    def head(self) -> Head:
        """Return the head of ``contents``; raise ``NotLoaded`` before the first read."""
        if self._head is None:
            raise NotLoaded
        return self._head

    def beat(self) -> bytes:
        """Return the head alone, as it is repeated."""
        return encode(Announcement(self.head))

    async def refresh(self) -> Contents:
        """Read the newest head and follow it; in an empty store, write the first revision.

        Raise ``StoreUnavailable``, or ``RecordFault`` for a history that does not verify or that went back.
        """
        async with self._lock:
            return (await self._follow())[1]

    async def sign_again(self) -> None:
        """Put this registry's own signature where that of a key before it stands; others may be doing the same."""
        async with self._lock:
            for _ in range(_TRIES):
                stored, contents = await self._follow()
                try:
                    head = await sign_again(self._store, self._archive, stored, self._key)
                except Conflict:
                    await self._pause(_CONTENDED * (1 + self._luck.random()))
                    continue
                self._adopt(head, contents)
                return
            raise StoreUnavailable(f"head: other replicas wrote first {_TRIES} times")

    async def apply(self, decide: Decide, *, author: str, reason: str) -> Written:
        """Make one revision of what ``decide(contents)`` says to change, none where it says nothing.

        ``decide`` may raise to refuse, and is asked again on fresh contents when another replica was first.
        When this returns, the head has moved. Raise ``PolicyInvalid``, ``Contended``, ``StoreUnavailable``
        (``Unsure`` when the outcome is not known) or ``RecordFault``.
        """
        async with self._lock:
            orphan: dict[str, int] | None = None
            for _ in range(_TRIES):
                stored, contents = await self._follow()
                changes = decide(contents)
                if not changes:
                    return Written(contents, changed=False)
                coming = next_revision(contents, changes, at=self._now(), author=author, reason=reason, key=self._key)
                try:
                    await write_revision(self._store, coming, stored.entry, discard=orphan)
                except Occupied as found:
                    # Another writer is between record and head, or died there: only then it stays so.
                    orphan = found.seen
                    await self._pause(_ORPHANED)
                    continue
                except Conflict:
                    # Where an answer was lost and the write tried again, the conflict is with ourselves.
                    if not await self._landed(coming.head):
                        await self._pause(_CONTENDED * (1 + self._luck.random()))
                        continue
                self._adopt(coming.head, coming.contents)
                await self._announce(coming.announcement())
                return Written(coming.contents, changed=True)
            raise Contended(f"other replicas wrote first {_TRIES} times; try again")

    async def _follow(self) -> tuple[StoredHead, Contents]:
        try:
            stored = await self._archive.head()
            if stored is None:
                stored = await self._begin()
            contents = await self._reach(stored.head)
        except RecordFault as error:
            self.fault = str(error)
            raise
        self._adopt(stored.head, contents)
        return stored, contents

    async def _begin(self) -> StoredHead:
        if self._contents is not None:
            raise RecordFault("head is gone from the store: the bucket was emptied under a running registry")
        await ensure_origin(self._store, self._key)
        stored = await self._archive.head()
        if stored is None:
            raise StoreUnavailable("head was written and is not there yet")
        return stored

    async def _reach(self, head: Head) -> Contents:
        known = self._contents
        if known is None:
            return await self._archive.contents(head, None)
        place = (head.generation, head.revision)
        if place == known.place and head.hash == known.record_hash:
            return known
        if place < known.place:
            raise RecordFault(f"store went back from {_dotted(known.place)} to {_dotted(place)}; raise the generation")
        if place == known.place:
            raise RecordFault(f"store holds another history at {_dotted(place)} than the one known")
        return await self._archive.contents(head, known)

    async def _landed(self, head: Head) -> bool:
        stored = await self._archive.head()
        if stored is None or (stored.head.generation, stored.head.revision) < (
            head.generation,
            head.revision,
        ):
            return False
        return await self._archive.holds(head)

    def _adopt(self, head: Head, contents: Contents) -> None:
        self._head, self._contents, self.fault = head, contents, None


def _dotted(place: tuple[int, int]) -> str:
    return f"{place[0]}.{place[1]}"
