"""Who is shut out: by all replicas, in an object that the issuer signed and that never goes back."""

from __future__ import annotations

import pytest

from crossply_registry.authority import certificates
from crossply_registry.authority.refusal import Refused
from crossply_registry.authority.revocations import Revocations
from crossply_registry.authority.state import State, StateFault
from tests.unit.registry.authority.standing import KEK, NOW, Time
from tests.unit.registry.authority.test_issuer import Chain, chain
from tests.unit.registry.fakes import FakeStore, Pauses

ORDERS = "spiffe://mesh.local/t/default/svc/orders"


def revocations(store: FakeStore, made: Chain) -> Revocations:
    return Revocations(State(store, KEK, Pauses()), made.issuer, now=Time())


async def test_what_one_replica_decides_the_others_read() -> None:
    store, made = FakeStore(), chain()
    one, other = revocations(store, made), revocations(store, made)
    await one.bar(ORDERS, "stolen")

    assert not other.verdict(ORDERS).barred
    await other.refresh()
    verdict = other.verdict(ORDERS)
    assert (verdict.barred, verdict.before, verdict.reason) == (True, NOW, "stolen")
    assert not other.verdict("spiffe://mesh.local/t/default/svc/web").barred


async def test_a_restored_identity_may_join_and_what_it_had_stays_void() -> None:
    made = revocations(FakeStore(), chain())
    await made.bar(ORDERS, "stolen")
    await made.restore(ORDERS)
    assert (made.verdict(ORDERS).barred, made.verdict(ORDERS).before) == (False, NOW)
    with pytest.raises(Refused, match="is not revoked"):
        await made.restore(ORDERS)


async def test_voiding_shuts_nobody_out_and_lets_nobody_in() -> None:
    made = revocations(FakeStore(), chain())
    await made.void(ORDERS, "rotated")
    assert (made.verdict(ORDERS).barred, made.verdict(ORDERS).before) == (False, NOW)
    await made.bar(ORDERS, "stolen")
    await made.void(ORDERS, "rotated")
    assert made.verdict(ORDERS).barred


async def test_an_older_state_of_the_store_is_seen_by_whoever_saw_the_newer() -> None:
    store, made = FakeStore(), chain()
    one = revocations(store, made)
    await one.bar("spiffe://mesh.local/t/default/svc/web", "")
    old = store.entries["authority.revoked"].value
    await one.bar(ORDERS, "stolen")
    store.put("authority.revoked", old)
    with pytest.raises(StateFault, match="went back from 2 to 1"):
        await one.refresh()
    assert one.verdict(ORDERS).barred


async def test_what_another_issuer_signed_is_refused() -> None:
    store = FakeStore()
    await revocations(store, chain()).bar(ORDERS, "stolen")
    with pytest.raises(StateFault, match="not signed by the issuer"):
        await revocations(store, chain()).refresh()


async def test_what_is_issued_right_after_a_decision_is_not_void_and_the_next_decision_voids_it() -> None:
    made = revocations(FakeStore(), chain())
    await made.void(ORDERS, "rotated")
    first = certificates.begins(NOW, made.void_until(ORDERS))
    assert first + certificates.BACKDATE > made.verdict(ORDERS).before
    await made.void(ORDERS, "rotated again, in the same second")
    assert first + certificates.BACKDATE <= made.verdict(ORDERS).before
