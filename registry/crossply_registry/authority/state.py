"""The authority's state in a tenant's bucket: changed by compare-and-set, and authentic.

Whoever runs the broker can write to its store. Each value therefore carries a MAC under the key-encryption key, bound
to the place it lies at: what no authority wrote is refused. An older value put back is not seen by this alone.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

import msgspec

from crossply.wire.link import Conflict, StoreUnavailable

if TYPE_CHECKING:
    from crossply.wire.link import Store
    from crossply_registry.authority.kek import Kek

T = TypeVar("T")
Pause: TypeAlias = Callable[[float], Awaitable[None]]

ISSUER: Final = "authority.issuer"
TOKENS: Final = "authority.tokens"
REVOKED: Final = "authority.revoked"
JOURNAL_HINT: Final = "authority.journal-hint"

_MAC: Final = 32
_TRIES: Final = 20
_CONTENDED: Final = 0.02


class StateFault(Exception):
    """What lies in the store is not what an authority of this mesh wrote."""


def token(ident: str) -> str:
    """Where one token lies."""
    return f"authority.token.{ident}"


def entry(number: int) -> str:
    """Where one entry of the journal lies."""
    return f"authority.journal.{number}"


class State:
    """Reads from the leader, and writes; raises StoreUnavailable, and StateFault for what nobody here wrote."""

    def __init__(self, store: Store, kek: Kek, pause: Pause = asyncio.sleep) -> None:
        self._store = store
        self._kek = kek
        self._pause = pause

    async def get(self, key: str) -> bytes | None:
        """Return the body at a key."""
        held = await self._store.get(key, leader=True)
        return None if held is None else self._opened(key, held.value)

    async def create(self, key: str, body: bytes) -> None:
        """Write a key that must not exist; raise Conflict when it does."""
        await self._store.create(key, self._closed(key, body))

    async def read(self, key: str, kind: type[T]) -> T | None:
        """Return the value at a key."""
        body = await self.get(key)
        return None if body is None else decode(key, body, kind)

    async def change(self, key: str, kind: type[T], decide: Callable[[T | None], T | None]) -> T | None:
        """Write what ``decide`` makes of the value at a key, None for no change; return what lies there afterwards.

        ``decide`` may raise to refuse, and is asked again when another replica was first.
        """
        for _ in range(_TRIES):
            held = await self._store.get(key, leader=True)
            before = None if held is None else decode(key, self._opened(key, held.value), kind)
            after = decide(before)
            if after is None:
                return before
            raw = self._closed(key, msgspec.msgpack.encode(after))
            try:
                if held is None:
                    await self._store.create(key, raw)
                else:
                    await self._store.update(key, raw, held.revision)
            except Conflict:
                await self._pause(_CONTENDED)
                continue
            return after
        raise StoreUnavailable(f"{key}: other replicas wrote first {_TRIES} times")

    def _closed(self, key: str, body: bytes) -> bytes:
        return self._kek.mac(body, key) + body

    def _opened(self, key: str, raw: bytes) -> bytes:
        mac, body = raw[:_MAC], raw[_MAC:]
        if not hmac.compare_digest(mac, self._kek.mac(body, key)):
            raise StateFault(
                f"{key} in the store was not written under this key-encryption key: another one is in use there,"
                " or somebody else wrote it"
            )
        return body


def decode(key: str, body: bytes, kind: type[T]) -> T:
    """Return the value of a body; raise StateFault."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.DecodeError as error:
        raise StateFault(f"{key} in the store does not decode: {error}") from error
