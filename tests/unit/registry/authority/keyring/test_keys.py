"""The keys of services and channels: in the store as ciphertext, turned by whichever replica is first, never back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import TypeAlias

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from crossply.clock import chance
from crossply.keyring import contents, signed
from crossply.keyring.contents import Changed, PublicKeys
from crossply.keyring.signed import Signed
from crossply.wire.link import StoreUnavailable
from crossply_policy.security import Securities, SecuritySpec
from crossply_registry.authority import certificates
from crossply_registry.authority.issuer import Issuer
from crossply_registry.authority.keyring.publishing import Publishing
from crossply_registry.authority.keyring.turning import Keys
from crossply_registry.authority.keyring.vault import Vault
from crossply_registry.authority.state import State, StateFault
from crossply_registry.authority.terms import Terms
from tests.unit.registry.authority.standing import KEK, NOW, Time
from tests.unit.registry.fakes import FakeLink, Pauses

EPOCH = 100.0
Pause: TypeAlias = Callable[[float], Awaitable[None]]


class Replicas:
    """Replicas of an authority over one store."""

    def __init__(self) -> None:
        root_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        root = certificates.make_root(root_key, "mesh.local", NOW)
        self.issuer = Issuer(root, certificates.make_issuer(key.public_key(), root, root_key, NOW), key)
        self.link = FakeLink()
        self.time = Time()
        self.terms = Terms(86_400.0, EPOCH)
        self.pauses = Pauses()

    def one(self, pause: Pause | None = None) -> Keys:
        link = self.link.as_link()
        vault = Vault(State(self.link.store, KEK, Pauses()), KEK, now=lambda: int(self.time() * 1000))
        return Keys(vault, Publishing(link, self.issuer, "default"), self.terms, chance(3), pause=pause or self.pauses)

    def public(self, service: str) -> PublicKeys:
        raw = self.link.store.entries[f"keys.{service}"].value
        body = signed.opened(raw, signed.KEYS, service, {self.issuer.kid: self.issuer.public_key})
        return contents.decode(body, PublicKeys, service)

    def told(self) -> list[Changed]:
        authorities = {self.issuer.kid: self.issuer.public_key}
        return [
            contents.decode(signed.opened(raw, signed.CHANGED, "", authorities), Changed, "")
            for raw in self.link.keys.told
        ]


async def test_a_services_keys_are_made_once_and_their_public_halves_lie_signed_in_the_store() -> None:
    replicas = Replicas()
    made = await replicas.one().service("orders")
    assert await replicas.one().service("orders") == made
    found = replicas.public("orders")
    assert found.identity == "spiffe://mesh.local/t/default/svc/orders"
    assert (found.number, [each.begins for each in found.epochs]) == (
        made.number,
        [each.begins for each in made.epochs],
    )
    assert [each.services for each in replicas.told()] == [{"orders": made.number}]


async def test_no_private_key_lies_in_the_store_but_as_ciphertext() -> None:
    replicas = Replicas()
    keys = replicas.one()
    secrets = [
        each.key for made in (await keys.service("orders"), await keys.group("orders.>")) for each in made.epochs
    ]
    assert len(secrets) == 4
    for entry in replicas.link.store.entries.values():
        assert not any(secret in entry.value for secret in secrets)


async def test_of_two_replicas_that_make_keys_at_once_the_first_ones_are_everybodys() -> None:
    replicas = Replicas()
    one, other = replicas.one(), replicas.one()
    meanwhile: list[object] = []

    async def first() -> None:
        meanwhile.append(await other.service("orders"))

    replicas.link.store.once("create", "authority.services.orders", first)
    assert [await one.service("orders")] == meanwhile
    assert replicas.public("orders").number == (await other.service("orders")).number


async def test_of_two_replicas_that_turn_at_once_one_does_and_the_numbers_only_grow() -> None:
    replicas = Replicas()
    one, other = replicas.one(), replicas.one()
    numbers = [(await one.service("orders")).number]
    for _ in range(5):
        replicas.time.seconds += EPOCH
        replicas.link.store.once("update", "authority.services.orders", other.turn)
        await one.turn()
        await other.turn()
        assert await one.service("orders") == await other.service("orders")
        numbers.append(replicas.public("orders").number)
    assert all(before < after for before, after in pairwise(numbers))
    epochs = (await one.service("orders")).epochs
    assert [round(each.begins - NOW * 1000) for each in epochs] == [int(1000 * EPOCH * each) for each in range(7)]


async def test_a_replica_that_turned_and_died_before_it_published_is_followed_by_one_that_does() -> None:
    replicas = Replicas()
    keys = replicas.one()
    before = await keys.service("orders")

    async def dies() -> None:
        raise StoreUnavailable("killed")

    replicas.time.seconds += EPOCH
    replicas.link.store.once("update", "keys.orders", dies)
    await keys.turn()
    assert replicas.public("orders").number == before.number
    await replicas.one().turn()
    assert replicas.public("orders").number > before.number


async def test_public_keys_that_somebody_else_put_there_are_replaced_and_a_newer_number_of_ours_stays() -> None:
    replicas = Replicas()
    keys = replicas.one()
    old = await keys.service("orders")
    stale = replicas.link.store.entries["keys.orders"].value
    replicas.time.seconds += EPOCH
    await keys.turn()
    newest = replicas.public("orders").number
    assert newest > old.number
    held = msgspec.msgpack.decode(replicas.link.store.entries["keys.orders"].value, type=Signed)
    for put in (stale, signed.pack(held.issuer, held.body, bytes(64)), b"junk"):
        replicas.link.store.put("keys.orders", put)
        with capture_logs():
            await replicas.one().service("orders")
        assert replicas.public("orders").number == newest


async def test_an_older_state_put_back_is_seen_by_whoever_saw_the_newer_one() -> None:
    replicas = Replicas()
    keys = replicas.one()
    await keys.service("orders")
    stale = replicas.link.store.entries["authority.services.orders"].value
    replicas.time.seconds += EPOCH
    await keys.turn()
    replicas.link.store.put("authority.services.orders", stale)
    with pytest.raises(StateFault, match="went back from"):
        await keys.service("orders")


async def test_a_store_that_was_emptied_counts_on_from_later_than_before() -> None:
    replicas = Replicas()
    before = await replicas.one().service("orders")
    replicas.link.store.entries.clear()
    replicas.time.seconds += 1.0
    assert (await replicas.one().service("orders")).number > before.number


async def test_one_that_cannot_be_turned_does_not_keep_the_others_from_it() -> None:
    replicas = Replicas()
    keys = replicas.one()
    for name in ("orders", "web"):
        await keys.service(name)
    replicas.time.seconds += EPOCH
    number = replicas.public("web").number
    replicas.link.store.put("authority.services.orders", b"junk")
    with capture_logs() as logs:
        await keys.turning()
    assert replicas.public("web").number > number
    assert [entry["name"] for entry in logs] == ["orders"]
    assert EPOCH / 32 <= replicas.pauses.lengths[0] <= EPOCH / 16 * 1.5


async def test_whoever_lost_the_right_to_keys_knows_none_that_seals_from_then_on() -> None:
    replicas = Replicas()
    keys = replicas.one()
    known = {each.key for name in ("orders.>", "stock.>") for each in (await keys.group(name)).epochs}
    service = await keys.service("orders")
    replicas.time.seconds += 1.0
    await keys.replace("orders")
    now = int(replicas.time() * 1000)
    for after in (await keys.group("orders.>"), await keys.group("stock.>"), await keys.service("orders")):
        coming = [each for each in after.epochs if each.begins > now]
        assert coming
        assert not {each.key for each in coming} & (known | {each.key for each in service.epochs})
    assert replicas.told()[-1].groups


async def test_what_has_no_keys_yet_gets_none_by_being_revoked() -> None:
    replicas = Replicas()
    await replicas.one().replace("nobody")
    assert "keys.nobody" not in replicas.link.store.entries


async def test_where_documents_shorten_an_epoch_keys_turn_at_once_and_those_of_no_other_service() -> None:
    replicas = Replicas()
    replicas.terms = Terms(86_400.0, 86_400.0)
    never = asyncio.Event()

    async def for_ever(_length: float) -> None:
        await never.wait()

    keys = replicas.one(for_ever)
    before = {name: await keys.service(name) for name in ("orders", "web")}
    channel = await keys.group("orders.>")
    turning = asyncio.ensure_future(keys.turning())
    await asyncio.sleep(0)
    replicas.terms.adopt(Securities.of({"orders": SecuritySpec(key_epoch=60.0)}))
    await asyncio.wait_for(turning, 1.0)
    now = round(NOW * 1000)
    assert [each.begins for each in replicas.public("orders").epochs] == [now, now + 60_000]
    assert replicas.public("orders").number > before["orders"].number
    assert replicas.public("web").number == before["web"].number
    assert await keys.group("orders.>") == channel
    replicas.terms.adopt(Securities.of({"mesh": SecuritySpec(key_epoch=3600.0)}))
    await keys.turning()
    assert [each.begins - now for each in (await keys.group("orders.>")).epochs] == [0, 3_600_000]
    assert [each.begins - now for each in (await keys.service("web")).epochs] == [0, 3_600_000]


async def test_with_shorter_epochs_it_looks_more_often() -> None:
    replicas = Replicas()
    replicas.terms = Terms(86_400.0, 86_400.0)
    keys = replicas.one()
    replicas.terms.adopt(Securities.of({"orders": SecuritySpec(key_epoch=160.0)}))
    for _ in range(2):
        await keys.turning()
    assert 5.0 <= replicas.pauses.lengths[-1] <= 15.0
