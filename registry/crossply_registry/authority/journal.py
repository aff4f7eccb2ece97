"""The issuance log: an entry for everything that was issued, refused or revoked, each holding the hash of the last.

An entry's number is its key, and a key is written once: the chain itself says who was first, with no head to move.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final

import msgspec

from crossply.wire.link import Conflict, StoreUnavailable
from crossply_registry.authority import state
from crossply_registry.authority.state import StateFault

if TYPE_CHECKING:
    from crossply_registry.authority.state import State

ORIGIN: Final = bytes(32)
_HINT_EVERY: Final = 64
_AT_ONCE: Final = 16
_TRIES: Final = 1_000


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry; `at` is unix seconds, `by` is who proved what, `reason` why it was refused or done."""

    number: int
    prev: bytes
    nonce: bytes
    at: float
    what: str
    identity: str = ""
    instance: str = ""
    serial: bytes = b""
    cid: bytes = b""
    not_after: int = 0
    by: str = ""
    reason: str = ""


class _Hint(msgspec.Struct, frozen=True):
    """An entry that is there: where to begin to look for the newest."""

    number: int
    hash: bytes


class Journal:
    """One replica's view of the chain; `now` is unix seconds."""

    def __init__(self, kept: State, *, now: Callable[[], float] = time.time) -> None:
        self._state = kept
        self._now = now
        self._lock = asyncio.Lock()
        self._number = 0
        self._hash = ORIGIN
        self._started = False

    @property
    def length(self) -> int:
        """Return how many entries are known to be there."""
        return self._number

    async def append(
        self,
        what: str,
        *,
        identity: str = "",
        instance: str = "",
        serial: bytes = b"",
        cid: bytes = b"",
        not_after: int = 0,
        by: str = "",
        reason: str = "",
    ) -> Entry:
        """Return the entry once it is in the store; raise StoreUnavailable or StateFault: then nothing is said."""
        async with self._lock:
            await self._begin()
            nonce, at = secrets.token_bytes(8), round(self._now(), 3)
            for _ in range(_TRIES):
                made = Entry(
                    number=self._number + 1,
                    prev=self._hash,
                    nonce=nonce,
                    at=at,
                    what=what,
                    identity=identity,
                    instance=instance,
                    serial=serial,
                    cid=cid,
                    not_after=not_after,
                    by=by,
                    reason=reason,
                )
                if await self._write(made):
                    return made
            raise StoreUnavailable("journal: other replicas wrote first every time")

    async def refresh(self) -> int:
        """Follow what other replicas wrote; return how many entries there are."""
        async with self._lock:
            await self._begin()
            while await self._step():
                pass
            return self._number

    async def entries(self, after: int = 0) -> AsyncIterator[Entry]:
        """Yield the entries behind one, oldest first; raise StateFault where the chain is broken."""
        last, expected = await self.refresh(), ORIGIN
        if after > 0:
            expected = digest(await self._raw(after))
        for first in range(after + 1, last + 1, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, last + 1))
            for number, raw in zip(numbers, await asyncio.gather(*map(self._raw, numbers)), strict=True):
                yield _opened(raw, number, expected)
                expected = digest(raw)

    async def since(self, moment: float) -> list[Entry]:
        """Return the entries since a moment (unix seconds), oldest first; those before it are not read."""
        last = await self.refresh()
        first = last
        while first > 0:
            raw = await self._raw(first)
            if state.decode(state.entry(first), raw, Entry).at < moment:
                break
            first = max(0, first - _AT_ONCE)
        return [each async for each in self.entries(first) if each.at >= moment]

    async def _write(self, made: Entry) -> bool:
        raw = msgspec.msgpack.encode(made)
        try:
            await self._state.create(state.entry(made.number), raw)
        except Conflict:
            held = await self._raw(made.number)
            self._follow(held, made.number)
            # An answer that was lost, and the write done again: then the conflict is with ourselves.
            return held == raw
        self._follow(raw, made.number)
        if made.number % _HINT_EVERY == 0:
            await self._hint()
        return True

    async def _begin(self) -> None:
        if self._started:
            return
        hint = await self._state.read(state.JOURNAL_HINT, _Hint)
        if hint is not None:
            if digest(await self._raw(hint.number)) != hint.hash:
                raise StateFault(f"journal: entry {hint.number} is not the one that was written")
            self._number, self._hash = hint.number, hint.hash
        while await self._step():
            pass
        self._started = True

    async def _step(self) -> bool:
        held = await self._state.get(state.entry(self._number + 1))
        if held is None:
            return False
        self._follow(held, self._number + 1)
        return True

    def _follow(self, raw: bytes, number: int) -> None:
        _opened(raw, number, self._hash)
        self._number, self._hash = number, digest(raw)

    async def _hint(self) -> None:
        hint = _Hint(self._number, self._hash)

        def newer(held: _Hint | None) -> _Hint | None:
            return hint if held is None or held.number < hint.number else None

        await self._state.change(state.JOURNAL_HINT, _Hint, newer)

    async def _raw(self, number: int) -> bytes:
        held = await self._state.get(state.entry(number))
        if held is None:
            raise StateFault(f"journal: entry {number} is missing; the store has lost a part of it")
        return held


def digest(raw: bytes) -> bytes:
    """Return the hash of an entry, which the next one holds."""
    return hashlib.sha256(raw).digest()


def _opened(raw: bytes, number: int, expected: bytes) -> Entry:
    opened = state.decode(state.entry(number), raw, Entry)
    if opened.number != number or opened.prev != expected:
        raise StateFault(f"journal: entry {number} does not follow the one before it; somebody changed the store")
    return opened
