"""Enrolment tokens: bound, hashed, rotated, revoked, expiring, and used once where they are for a single use."""

from __future__ import annotations

import asyncio

import pytest

from crossply_registry.authority.refusal import Refused
from crossply_registry.authority.state import State
from crossply_registry.authority.tokens import Tokens, new_token
from tests.unit.registry.authority.standing import KEK, Time
from tests.unit.registry.fakes import FakeStore, Pauses


def tokens(store: FakeStore | None = None, time: Time | None = None) -> Tokens:
    return Tokens(State(store or FakeStore(), KEK, Pauses()), now=time or Time())


async def refused(made: Tokens, text: str, service: str = "orders") -> Refused:
    with pytest.raises(Refused) as caught:
        await made.accept(text, service)
    return caught.value


async def test_a_token_is_good_for_its_service_many_times_and_for_no_other() -> None:
    made = tokens()
    token, text = await made.create("orders")

    assert [(await made.accept(text, "orders")).id for _ in range(3)] == [token.id] * 3
    wrong = await refused(made, text, "billing")
    assert wrong.status == 403
    assert "is for orders, not for billing" in wrong.why


async def test_the_store_has_no_secret() -> None:
    store = FakeStore()
    _, text = await tokens(store).create("orders")
    secret = text.rpartition("_")[2]
    for entry in store.entries.values():
        assert secret.encode() not in entry.value
        assert bytes.fromhex(secret) not in entry.value


async def test_what_is_unknown_and_what_is_wrong_are_refused_alike() -> None:
    made = tokens()
    token, text = await made.create("orders")
    wrong = await refused(made, f"crossply_{token.id}_{'0' * 64}")
    unknown = await refused(made, f"crossply_aaaaaaaaaaaa_{text[-64:]}")
    assert (wrong.status, wrong.why) == (unknown.status, unknown.why) == (401, wrong.why)


@pytest.mark.parametrize(
    "text", ["", "x", "crossply__", "crossply_aaaaaaaaaaaa_" + "G" * 64, "crossply_a.b.c.d.e.f._" + "0" * 64]
)
async def test_what_is_no_token_never_reaches_the_store(text: str) -> None:
    store = FakeStore()
    assert (await refused(tokens(store), text)).status == 400
    assert store.reads == []


async def test_of_many_who_use_a_single_use_token_at_once_one_gets_in() -> None:
    store = FakeStore()
    replicas = [tokens(store) for _ in range(8)]
    _, text = await replicas[0].create("orders", single_use=True)
    outcomes = await asyncio.gather(*(each.accept(text, "orders") for each in replicas), return_exceptions=True)

    assert sum(not isinstance(each, Exception) for each in outcomes) == 1
    assert all(isinstance(each, Refused) for each in outcomes if isinstance(each, Exception))
    assert "single use and has been used" in (await refused(replicas[0], text)).why


async def test_a_single_use_token_is_not_spent_by_the_wrong_service() -> None:
    made = tokens()
    _, text = await made.create("orders", single_use=True)
    await refused(made, text, "billing")
    assert (await made.accept(text, "orders")).used


async def test_a_token_expires() -> None:
    time = Time()
    made = tokens(time=time)
    _, text = await made.create("orders", lifetime=60.0)
    time.seconds += 59
    await made.accept(text, "orders")
    time.seconds += 1
    assert "has expired" in (await refused(made, text)).why


async def test_after_a_rotation_the_old_secret_is_good_for_the_grace_only() -> None:
    time = Time()
    made = tokens(time=time)
    token, old = await made.create("orders")
    rotated, new = await made.rotate(token.id, grace=60.0)

    assert rotated.id == token.id
    assert old != new
    for text in (old, new):
        await made.accept(text, "orders")
    time.seconds += 60
    await made.accept(new, "orders")
    await refused(made, old)

    _, newest = await made.rotate(token.id, grace=0.0)
    await refused(made, new)
    await made.accept(newest, "orders")


async def test_a_revoked_token_is_good_for_nothing_and_not_rotated() -> None:
    made = tokens()
    token, text = await made.create("orders")
    await made.revoke(token.id)
    assert "is revoked" in (await refused(made, text)).why
    with pytest.raises(Refused, match="is revoked"):
        await made.rotate(token.id, grace=0.0)


async def test_no_token_is_made_for_the_meshs_own_processes_and_none_found_that_is_not_there() -> None:
    made = tokens()
    for service in ("authority", "broker", "registry"):
        with pytest.raises(Refused, match="process of the mesh itself"):
            await made.create(service)
    for asking in (made.rotate("aaaaaaaaaaaa", 0.0), made.revoke("aaaaaaaaaaaa")):
        with pytest.raises(Refused, match="there is no token"):
            await asking


async def test_first_tokens_are_taken_over_once_by_all_replicas() -> None:
    store = FakeStore()
    token, text = new_token("orders", 0.0)
    one, other = tokens(store), tokens(store)
    await asyncio.gather(one.adopt([token]), other.adopt([token]))
    await one.revoke(token.id)
    await other.adopt([token])

    assert [each.id for each in await one.all()] == [token.id]
    assert "is revoked" in (await refused(other, text)).why
