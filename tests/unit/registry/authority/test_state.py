"""State in a store that others can write to: compare-and-set, and nothing is believed that no authority wrote."""

from __future__ import annotations

import pytest

from crossply.wire.link import StoreUnavailable
from crossply_registry.authority.kek import Kek
from crossply_registry.authority.state import State, StateFault
from tests.unit.registry.authority.standing import KEK
from tests.unit.registry.fakes import FakeStore, Pauses


def kept(store: FakeStore, kek: Kek = KEK) -> State:
    return State(store, kek, Pauses())


async def test_of_two_that_change_a_key_both_changes_hold() -> None:
    store = FakeStore()
    one, other = kept(store), kept(store)

    async def meanwhile() -> None:
        await other.change("k", list[int], lambda held: [*(held or []), 2])

    store.once("create", "k", meanwhile)
    assert await one.change("k", list[int], lambda held: [*(held or []), 1]) == [2, 1]
    assert await other.read("k", list[int]) == [2, 1]


async def test_nothing_to_change_writes_nothing() -> None:
    store = FakeStore()
    assert await kept(store).change("k", int, lambda _: None) is None
    assert store.writes == []


async def test_what_somebody_else_wrote_is_refused() -> None:
    store = FakeStore()
    await kept(store).create("k", b"\x01")
    await kept(store).create("other", b"\x02")
    good = store.entries["k"].value
    for forged in (b"", b"\x01", good[:-1] + b"\x02", store.entries["other"].value):
        store.put("k", forged)
        with pytest.raises(StateFault, match="was not written under this key-encryption key"):
            await kept(store).get("k")
    store.put("k", good)
    with pytest.raises(StateFault):
        await kept(store, Kek(b"2" * 32)).get("k")


async def test_what_does_not_decode_is_refused() -> None:
    store = FakeStore()
    await kept(store).create("k", b"\xc1")
    with pytest.raises(StateFault, match="does not decode"):
        await kept(store).read("k", int)


async def test_endless_contention_ends() -> None:
    store = FakeStore()
    state = kept(store)

    async def meddle(verb: str, key: str) -> None:
        if verb in {"create", "update"}:
            store.put(key, KEK.mac(b"\x01", key) + b"\x01")

    store.before.append(meddle)
    with pytest.raises(StoreUnavailable, match="other replicas wrote first 20 times"):
        await state.change("k", int, lambda held: (held or 0) + 1)
