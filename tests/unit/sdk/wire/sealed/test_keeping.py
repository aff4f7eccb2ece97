"""The store of kept replies: sealed as the service's document says, and what is not believed is not there."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.vouched import keyring
from crossply.wire.link import Conflict, Entry, StoreUnavailable
from crossply.wire.sealed.keeping import SealedStore
from crossply.wire.sealed.sealing import Sealing
from crossply_policy.security import Securities, SecuritySpec
from tests.support.vouched import Vouching


class Kept:
    """A store, and who can do with it what a broker can."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}

    async def get(self, key: str, *, leader: bool = False) -> Entry | None:
        return self.entries.get(key) if leader else None

    async def create(self, key: str, value: bytes) -> int:
        return await self.update(key, value, 0)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        found = self.entries.get(key, Entry(b"", 0))
        if found.revision != revision:
            raise Conflict(key)
        self.entries[key] = Entry(value, revision + 1)
        return revision + 1


def sealing(vouching: Vouching, encryption: str = "strict") -> Sealing:
    made = Sealing(vouching.keys("orders", "m7q2mzp4x3ac"), "orders")
    made.adopt(Securities.of({"orders": SecuritySpec(encryption=encryption)}))  # type: ignore[arg-type]  # of a Literal
    return made


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def test_what_is_written_is_read_by_all_instances_and_lies_there_sealed(kept: Kept) -> None:
    vouching = Vouching()
    one, other = SealedStore(kept, sealing(vouching)), SealedStore(kept, sealing(vouching))
    assert await one.create("a", b"a claim") == 1
    assert await other.get("a", leader=True) == Entry(b"a claim", 1)
    assert await one.update("a", b"an outcome", 1) == 2
    assert await other.get("a", leader=True) == Entry(b"an outcome", 2)
    assert await other.get("a") is None, "asked as the store was"
    assert b"outcome" not in kept.entries["a"].value
    with pytest.raises(Conflict):
        await other.create("a", b"a claim")


async def test_what_somebody_else_put_there_is_no_outcome(kept: Kept) -> None:
    vouching = Vouching()
    store = SealedStore(kept, sealing(vouching))
    await store.create("a", b"an outcome")
    await store.create("b", b"another")
    for lie in (b"an outcome", b"", kept.entries["b"].value, kept.entries["a"].value[:-1]):
        with pytest.raises(StoreUnavailable, match="kept there"):
            await SealedStore(Lying(lie), sealing(vouching)).get("a", leader=True)
    stranger = SealedStore(kept, sealing(Vouching()))
    with pytest.raises(StoreUnavailable, match="not held here"):
        await stranger.get("a", leader=True)


class Lying(Kept):
    """A store that says one thing of everything."""

    def __init__(self, value: bytes) -> None:
        super().__init__()
        self.entries["a"] = Entry(value, 7)


async def test_without_the_services_keys_nothing_is_kept_under_strict_and_unsealed_under_permissive(kept: Kept) -> None:
    own = keyring(Ed25519PrivateKey.generate(), "orders", "m7q2mzp4x3ac")
    without = Sealing(own, "orders")
    with pytest.raises(StoreUnavailable, match="keys of this service"):
        await SealedStore(kept, without).create("a", b"x")
    assert not kept.entries
    without.adopt(Securities.of({"orders": SecuritySpec(encryption="permissive")}))
    await SealedStore(kept, without).create("a", b"x")
    assert kept.entries["a"].value == b"x"


async def test_permissive_and_off_read_both_and_off_seals_nothing(kept: Kept) -> None:
    vouching = Vouching()
    strict, permissive, off = (SealedStore(kept, sealing(vouching, word)) for word in ("strict", "permissive", "off"))
    await strict.create("a", b"sealed")
    await off.create("b", b"plain")
    await permissive.create("c", b"sealed too")
    assert kept.entries["b"].value == b"plain"
    assert b"sealed" not in kept.entries["c"].value
    for store in (permissive, off):
        found = [await store.get(key, leader=True) for key in "abc"]
        assert [each and each.value for each in found] == [b"sealed", b"plain", b"sealed too"]
    with pytest.raises(StoreUnavailable):
        await strict.get("b", leader=True)
