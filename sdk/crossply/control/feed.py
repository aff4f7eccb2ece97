"""The policy feed: follows the registry's signed revisions and hands each new snapshot to the data plane."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from crossply.control import record
from crossply.control.history import History, Position, WentBack
from crossply.control.record import Announcement, Kept, RecordFault, VerifyKey
from crossply.telemetry.logs import get_logger
from crossply.wire.link import StoreUnavailable
from crossply_policy.canonical import digest, from_canonical
from crossply_policy.compile import compile_snapshot
from crossply_policy.faults import PolicyInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from crossply.tasks import Tasks
    from crossply.wire.link import Closable, Link
    from crossply_policy.documents import Document
    from crossply_policy.snapshot import Snapshot

EVERY_SERVICE = "*"
_ACCESS = "Access/"


class PolicyFeed:
    """Keeps the newest good snapshot of what concerns this process.

    It verifies hash, chain and signature, never goes back within a generation, and keeps the last good snapshot
    when a revision cannot be used; ``refused`` then says why. A document that concerns only services that this
    process neither serves nor calls is not fetched until ``want`` names one of them.
    """

    def __init__(
        self, link: Link, key: VerifyKey | bytes | None, adopt: Callable[[Snapshot], None], tasks: Tasks
    ) -> None:
        self._link = link
        self._raw_key = key
        self._adopt = adopt
        self._tasks = tasks
        self._log = get_logger("policy")
        self._wanted: set[str] = set()
        self._position = Position()
        self._documents: dict[str, tuple[str, Document]] = {}
        self._moving = asyncio.Lock()
        self._catching_up = False
        self._incomplete = False
        self._went_back = False
        self._watching: Closable | None = None
        self.refused = ""

    @property
    def revision(self) -> int:
        """The revision that the snapshot in force was compiled from."""
        return self._position.revision

    @property
    def generation(self) -> int:
        """The generation of that revision."""
        return self._position.generation

    @property
    def complete(self) -> bool:
        """Whether all that concerns what is wanted is here, as far as this process has heard."""
        return not self._incomplete

    async def start(self) -> None:
        """Listen to announcements and load what is in force; an absent registry leaves the compiled defaults."""
        raw = self._raw_key
        self._key: VerifyKey = record.public_key(raw) if raw is None or isinstance(raw, bytes) else raw
        self._history = History(self._link.store, self._key)
        self._watching = await self._link.watch_head(self._announced)
        await self.catch_up()

    async def want(self, service: str) -> None:
        """Fetch the documents that concern a service, or every one, from now on also when they change."""
        self._wanted.add(service)
        # Until it is done: a caller that gives up leaves the rest to the next announcement.
        self._incomplete = True
        await self._complete()

    def unwant(self, service: str) -> None:
        """Fetch them no more."""
        self._wanted.discard(service)

    async def _complete(self) -> None:
        """Fetch what is in force and wanted but not here; the next announcement tries again if that fails."""
        async with self._moving:
            try:
                if self._missing(self._position.manifest):
                    await self._move_to(self._position, {})
                self._incomplete = False
            except (RecordFault, PolicyInvalid) as fault:
                self._refuse(str(fault))
            except StoreUnavailable as error:
                self._log.debug("policy_store_unavailable", error=str(error))

    def _announced(self, raw: bytes) -> None:
        try:
            message = record.open_announcement(raw)
            if self._position.behind(message.head):
                record.verify_head(message.head, self._key)
                self._tasks.spawn(self._follow(message), "policy revision")
            elif self._position.ahead(message.head):
                # One of several registries may be late by a moment; a store that is, was put back.
                record.verify_head(message.head, self._key)
                self._log.info("announcement_older", revision=message.head.revision, than=self.revision)
                self._tasks.spawn(self.catch_up(), "policy looked at again")
            elif self._incomplete and not self._moving.locked():
                self._tasks.spawn(self._complete(), "policy completed")
        except RecordFault as fault:
            self._log.warning("announcement_dropped", why=str(fault))

    async def _follow(self, message: Announcement) -> None:
        """Take the announced revision if it is the next one, else read the store."""
        if message.record:
            async with self._moving:
                try:
                    change = record.open_record(message.record, message.head.hash)
                    if change.changed is not None:
                        await self._move_to(self._position.after(change, message.head.hash), message.documents)
                        return
                except RecordFault as fault:
                    self._log.debug("announced_record_not_taken", why=str(fault))
                except PolicyInvalid as fault:
                    self._refuse(str(fault))
                    return
                except StoreUnavailable as error:
                    self._log.debug("policy_store_unavailable", error=str(error))
        await self.catch_up()

    async def catch_up(self) -> None:
        """Go to the newest revision in the store; what a lagging replica says wrong is read from the leader."""
        if self._catching_up:
            return
        self._catching_up = True
        try:
            async with self._moving:
                try:
                    await self._read_store(leader=False)
                except RecordFault:
                    await self._read_store(leader=True)
        except StoreUnavailable as error:
            self._log.debug("policy_store_unavailable", error=str(error))
        except (RecordFault, PolicyInvalid) as fault:
            self._went_back = isinstance(fault, WentBack)
            self._refuse(str(fault))
        finally:
            self._catching_up = False

    async def _read_store(self, *, leader: bool) -> None:
        newest = await self._history.newest(self._position, leader=leader)
        if newest is not self._position:
            await self._move_to(newest, {})
        elif self._went_back:
            self._went_back, self.refused = False, ""

    async def _move_to(self, position: Position, carried: Mapping[str, bytes]) -> None:
        """Bring the documents of a position that concern this process, compile, adopt; all or nothing."""
        # One that changed is fetched anew below if it still concerns this process; it may concern others now.
        documents = {
            name: known
            for name, known in self._documents.items()
            if (kept := position.manifest.get(name)) is not None and kept.hash == known[0]
        }
        for name in self._missing(position.manifest):
            kept = position.manifest[name]
            raw = carried.get(name)
            if raw is None or digest(raw) != kept.hash:
                raw = await self._history.document(name, kept)
            documents[name] = (kept.hash, from_canonical(raw))
        snapshot = compile_snapshot(
            (document for _, document in documents.values()),
            generation=position.generation,
            revision=position.revision,
            guarded=any(name.startswith(_ACCESS) for name in position.manifest),
        )
        self._documents, self._position, self.refused = documents, position, ""
        self._adopt(snapshot)

    def _missing(self, manifest: Mapping[str, Kept]) -> list[str]:
        everything = EVERY_SERVICE in self._wanted
        return [
            name
            for name, kept in manifest.items()
            if (EVERY_SERVICE in kept.concerns or everything or not self._wanted.isdisjoint(kept.concerns))
            and self._documents.get(name, ("",))[0] != kept.hash
        ]

    def _refuse(self, why: str) -> None:
        if why != self.refused:
            self._log.warning("policy_refused", why=why, generation=self.generation, revision=self.revision)
        self.refused = why

    async def aclose(self) -> None:
        """Follow no more."""
        if self._watching is not None:
            await self._watching.aclose()
