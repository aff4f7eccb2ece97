"""The private keys in the store: ciphertext under the key-encryption key, changed by compare-and-set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from crossply.keyring.contents import Key, KeySet
from crossply_registry.authority import state
from crossply_registry.authority.keyring import life
from crossply_registry.authority.refusal import Refused
from crossply_registry.authority.state import StateFault

if TYPE_CHECKING:
    from crossply_registry.authority.kek import Kek
    from crossply_registry.authority.keyring.life import Life
    from crossply_registry.authority.state import State

INDEX: Final = "authority.keyring"
MOST: Final = 4_096
_WORDS: Final = {"*": "ANY", ">": "TAIL"}


class _Sealed(msgspec.Struct, frozen=True):
    """Epochs as they lie in the store."""

    number: int
    epochs: bytes


class Index(msgspec.Struct, frozen=True):
    """All that has keys; names are never taken out."""

    services: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of keys: where they lie, how long they live, how one is made."""

    name: str
    life: Callable[[str], Life]
    make: Callable[[], bytes]

    def place(self, name: str) -> str:
        """Return where the keys of a service or a channel pattern lie."""
        return f"authority.{self.name}.{'_'.join(_WORDS.get(token, token) for token in name.split('.'))}"


class Vault:
    """Reads and turns key sets; ``now`` is unix milliseconds. What a replica has seen, it never goes back from.

    Raise ``StoreUnavailable``, and ``StateFault`` for what no authority wrote or what is older than what was seen.
    """

    def __init__(self, kept: State, kek: Kek, *, now: Callable[[], int]) -> None:
        self._state = kept
        self._kek = kek
        self._now = now
        self._seen: dict[str, KeySet] = {}
        self._index = Index()

    async def index(self) -> Index:
        """Return all that has keys, as of now."""
        self._index = await self._state.read(INDEX, Index) or Index()
        return self._index

    def due(self, kind: Kind, name: str) -> bool:
        """Return whether another epoch is to be made, as far as this replica knows."""
        held = self._seen.get(kind.place(name))
        return held is None or life.due(held.epochs, self._now(), kind.life(name))

    async def turn(self, kind: Kind, name: str) -> KeySet:
        """Return the keys by now: made where there are none, with an epoch more where the newest has begun."""
        await self._note(kind, name)
        return await self._change(kind, name, lambda held: life.turned(held, self._now(), kind.life(name), kind.make))

    async def replace(self, kind: Kind, name: str) -> KeySet:
        """Return keys of which nobody has seen the one that seals from now on."""
        return await self._change(kind, name, lambda held: life.replaced(held, self._now(), kind.life(name), kind.make))

    async def _change(
        self, kind: Kind, name: str, decide: Callable[[tuple[Key, ...]], tuple[Key, ...] | None]
    ) -> KeySet:
        place = kind.place(name)

        def changed(held: _Sealed | None) -> _Sealed | None:
            before = self._opened(place, held)
            after = decide(before.epochs)
            if after is None:
                return None
            # A time, so that a store that was emptied or restored does not count what was given out again.
            number = max(before.number + 1, self._now())
            return _Sealed(number, self._kek.seal(msgspec.msgpack.encode(after), place))

        found = self._opened(place, await self._state.change(place, _Sealed, changed))
        self._seen[place] = found
        return found

    def _opened(self, place: str, held: _Sealed | None) -> KeySet:
        seen = self._seen.get(place)
        found = 0 if held is None else held.number
        if seen is not None and found < seen.number:
            raise StateFault(
                f"{place} in the store went back from {seen.number} to {found}; an older state was put there"
            )
        if held is None:
            return KeySet(0, ())
        return KeySet(held.number, state.decode(place, self._kek.open(held.epochs, place), tuple[Key, ...]))

    async def _note(self, kind: Kind, name: str) -> None:
        """Write down that something has keys, before it has any: what is not written down would never be turned."""
        if name in getattr(self._index, kind.name):
            return

        def noted(held: Index | None) -> Index | None:
            index = held or Index()
            names: tuple[str, ...] = getattr(index, kind.name)
            if name in names:
                return None
            if len(names) >= MOST:
                raise Refused(409, f"there are keys for {MOST} {kind.name} already")
            return msgspec.structs.replace(index, **{kind.name: tuple(sorted({*names, name}))})

        self._index = await self._state.change(INDEX, Index, noted) or Index()
