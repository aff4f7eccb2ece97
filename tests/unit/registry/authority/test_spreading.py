"""What one replica revokes reaches members and the other replicas: by notices, and by the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import msgspec
import pytest

from crossply.control import keys
from crossply.control.revocations import Notice
from crossply.seal.revoked import Revoked, Void, verify
from crossply.tasks import Tasks
from crossply.wire.link import Link, StoreUnavailable
from crossply_registry.authority.revocations import Revocations
from crossply_registry.authority.spreading import Spreading
from crossply_registry.authority.state import State
from tests.unit.registry.authority.standing import KEK, NOW, Time
from tests.unit.registry.authority.test_issuer import chain
from tests.unit.registry.fakes import FakeLink, Pauses
from tests.unit.sdk.stage import settle

ORDERS = "spiffe://mesh.local/t/default/svc/orders"


class Replicas:
    """Several, over one link and one store."""

    def __init__(self) -> None:
        self.link = FakeLink()
        self.issuer = chain().issuer
        self.tasks = Tasks(lambda name, error: pytest.fail(f"{name}: {error!r}"))

    async def one(self, changed: Callable[[], None] = lambda: None) -> tuple[Revocations, Spreading]:
        revocations = Revocations(State(self.link.store, KEK, Pauses()), self.issuer, now=Time())
        made = Spreading(cast("Link", self.link), self.issuer, revocations, self.tasks, changed)
        await made.start()
        await settle()
        return revocations, made

    @property
    def stored(self) -> Revoked:
        return verify(self.link.store.entries[keys.REVOKED].value, {self.issuer.kid: self.issuer.public_key})

    @property
    def told(self) -> list[Notice]:
        return [msgspec.msgpack.decode(each, type=Notice) for each in self.link.revoked.told]


async def test_a_revocation_is_told_with_its_list_and_lies_in_the_store() -> None:
    replicas = Replicas()
    revocations, spreading = await replicas.one()
    await revocations.bar(ORDERS, "stolen")
    await spreading.spread()

    said = verify(replicas.told[-1].list, {replicas.issuer.kid: replicas.issuer.public_key})
    assert said == replicas.stored == Revoked(1, {}, {ORDERS: Void(int(NOW) - 300, int(NOW), barred=True)})
    await replicas.tasks.aclose()


async def test_every_replica_acts_on_what_one_of_them_decided() -> None:
    replicas, acted = Replicas(), [0, 0]

    def counting(number: int) -> Callable[[], None]:
        def changed() -> None:
            acted[number] += 1

        return changed

    revocations, spreading = await replicas.one(counting(0))
    other, _ = await replicas.one(counting(1))
    await revocations.bar(ORDERS, "stolen")
    await spreading.spread()
    await settle()

    assert other.verdict(ORDERS).barred
    assert acted == [1, 1]
    await replicas.tasks.aclose()


async def test_a_store_that_takes_nothing_does_not_keep_members_from_hearing() -> None:
    replicas, acted = Replicas(), list[int]()
    revocations, spreading = await replicas.one(lambda: acted.append(1))
    await revocations.bar(ORDERS, "stolen")

    async def away() -> None:
        raise StoreUnavailable("away")

    replicas.link.store.once("create", keys.REVOKED, away)
    with pytest.raises(StoreUnavailable):
        await spreading.spread()
    assert [each.number for each in replicas.told] == [1]
    await spreading.spread()
    assert replicas.stored.number == 1
    assert acted == [1]
    await replicas.tasks.aclose()


async def test_a_newer_list_in_the_store_stays_and_one_that_nobody_signed_goes() -> None:
    replicas = Replicas()
    revocations, spreading = await replicas.one()
    await revocations.bar(ORDERS, "stolen")
    newer = replicas.issuer.sign_revoked(Revoked(9))
    replicas.link.store.put(keys.REVOKED, newer)
    await spreading.spread()
    assert replicas.stored.number == 9
    await revocations.restore(ORDERS)
    replicas.link.store.put(keys.REVOKED, b"forged")
    await spreading.spread()
    assert replicas.stored.number == 2
    await replicas.tasks.aclose()


async def test_a_replica_that_starts_tells_what_was_revoked_before() -> None:
    replicas, acted = Replicas(), list[int]()
    revocations, _ = await replicas.one()
    await revocations.bar(ORDERS, "stolen")
    later, _ = await replicas.one(lambda: acted.append(1))
    assert later.verdict(ORDERS).barred
    assert acted == [1]
    assert replicas.told[-1].number == 1
    await replicas.tasks.aclose()
