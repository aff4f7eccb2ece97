"""Who is given which private keys: the holder of a credential in force, those of its service and its channels."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest

from crossply.keyring import contents
from crossply.keyring.contents import Asked, Bundle
from crossply.keyring.signed import KeyFault
from crossply.keyring.wrapping import unwrapped
from crossply.seal.holder import Holder, holder
from crossply.wire import credential
from crossply_policy.compile import compile_snapshot
from crossply_policy.parse import parse
from crossply_policy.snapshot import Snapshot
from crossply_registry.authority.authority import Authority
from crossply_registry.authority.keyring.granting import MOST
from crossply_registry.authority.refusal import Refused
from tests.unit.registry.authority.joiner import Joiner
from tests.unit.registry.authority.standing import Standing


class Process:
    """One that has joined."""

    def __init__(self, authority: Authority, joiner: Joiner, raw: bytes, wrapped: bytes) -> None:
        self.own: Holder = holder(raw, joiner.kem, joiner.sign)
        self.wrapped = wrapped
        issuer = authority.parts.issuer
        self.authorities = {issuer.kid: issuer.public_key}
        self._answer = authority.parts.asking.answer

    def opened(self, raw: bytes) -> Bundle:
        return unwrapped(raw, self.own, self.authorities)

    async def ask(self, **channels: tuple[str, ...]) -> Bundle:
        return self.opened(await self._answer(contents.encode(Asked(self.own.raw, **channels))))


async def joined(standing: Standing, authority: Authority, **said: Any) -> Process:
    joiner = Joiner()
    issued = await authority.parts.joining.join(joiner.raw(standing.token("orders"), **said))
    return Process(authority, joiner, issued.credential, issued.keyring)


def in_force(*documents: dict[str, Any]) -> Snapshot:
    return compile_snapshot([parse(each) for each in documents], generation=1, revision=1)


def access(name: str, effect: str, *actions: str, channel: str = "orders.>") -> dict[str, Any]:
    target = {"channel": channel, "actions": list(actions)}
    return {"kind": "Access", "name": name, "spec": {"effect": effect, "from": ["orders"], "to": [target]}}


async def test_a_join_gives_the_keys_of_the_service_and_no_one_elses_credential_opens_them(
    standing: Standing, authority: Authority
) -> None:
    process, other = await joined(standing, authority), await joined(standing, authority)
    assert process.opened(process.wrapped).service == other.opened(other.wrapped).service
    with pytest.raises(KeyFault, match="not signed by the authority"):
        other.opened(process.wrapped)


async def test_the_answer_to_a_join_carries_the_wrapped_keys(
    standing: Standing, authority: Authority, api: httpx.AsyncClient
) -> None:
    joiner = Joiner()
    body = (await api.post("/v1/join", content=joiner.raw(standing.token("orders")))).json()
    process = Process(authority, joiner, b64decode(body["credential"]), b64decode(body["keyring"]))
    assert process.opened(process.wrapped).service.epochs


async def test_a_credential_lies_in_its_bucket_by_its_id(standing: Standing, authority: Authority) -> None:
    process = await joined(standing, authority)
    entry = standing.link.keys.credentials.entries[f"cred.{credential.cid(process.own.raw).hex()}"]
    assert entry.value == process.own.raw


async def test_before_the_authority_has_its_place_in_the_mesh_nobody_is_given_a_channels_keys(
    standing: Standing, authority: Authority
) -> None:
    process = await joined(standing, authority)
    assert (await process.ask(publishes=("orders.created",))).groups == {}


async def test_a_channels_keys_are_given_by_family(standing: Standing, authority: Authority) -> None:
    everything = (access(each, "allow", "publish", "subscribe", channel=f"{each}.>") for each in ("orders", "stock"))
    allowed = in_force(*everything)
    authority.parts.judging.watch(lambda: allowed)
    process = await joined(standing, authority, publishes=["orders.created"], subscribes=["stock.*"])
    assert set(process.opened(process.wrapped).groups) == {"orders.>", "stock.>"}
    found = await process.ask(publishes=("orders.created", "orders.paid"), subscribes=("orders.>",))
    assert set(found.groups) == {"orders.>"}
    assert len(found.groups["orders.>"].epochs) == 2


@pytest.mark.parametrize(
    ("documents", "given"),
    [
        ([], False),
        ([access("a", "allow", "publish")], True),
        ([access("a", "allow", "subscribe")], False),
        ([access("a", "allow", "publish"), access("b", "deny", "publish")], False),
        ([access("a", "allow", "publish", channel="stock.>")], False),
    ],
)
async def test_only_what_access_documents_allow_is_given(
    standing: Standing, authority: Authority, documents: list[dict[str, Any]], given: bool
) -> None:
    authority.parts.judging.watch(lambda: in_force(*documents))
    process = await joined(standing, authority)
    assert bool((await process.ask(publishes=("orders.created",))).groups) is given


async def test_a_question_without_a_credential_in_force_gets_nothing(standing: Standing, authority: Authority) -> None:
    process = await joined(standing, authority)
    forged = replace(credential.unpack(process.own.raw), serial=bytes(16))
    for raw, why in (
        (credential.pack(forged), "not one that this issuer signed"),
        (b"", "not one that this issuer signed"),
    ):
        with pytest.raises(Refused, match=why):
            await authority.parts.asking.answer(contents.encode(Asked(raw)))
    standing.time.seconds += 86_401
    with pytest.raises(Refused, match="has ended"):
        await process.ask()


async def test_a_revoked_identity_is_given_no_keys_and_those_it_has_are_replaced(
    standing: Standing, authority: Authority, api: httpx.AsyncClient
) -> None:
    process = await joined(standing, authority)
    known = {each.key for each in process.opened(process.wrapped).service.epochs}
    standing.time.seconds += 1.0
    await api.post("/v1/identities/orders/revoke", json={}, headers=standing.operator)
    with pytest.raises(Refused, match="is revoked"):
        await process.ask()
    after = await authority.parts.keys.service("orders")
    assert {each.key for each in after.epochs if each.begins > standing.time() * 1000}.isdisjoint(known)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"\xc1", "not a question for keys"),
        (msgspec.msgpack.encode({"credential": b"", "and": 1}), "not a question for keys"),
        (b"x" * 70_000, "longer than"),
    ],
)
async def test_what_is_no_question_is_refused_with_the_reason(authority: Authority, raw: bytes, why: str) -> None:
    with pytest.raises(Refused, match=why):
        await authority.parts.asking.answer(raw)


async def test_what_is_no_channel_is_refused_and_so_are_too_many(standing: Standing, authority: Authority) -> None:
    process = await joined(standing, authority)
    with pytest.raises(Refused, match="has a wildcard"):
        await process.ask(publishes=("orders.*",))
    with pytest.raises(Refused, match="at most 256"):
        await process.ask(publishes=tuple(f"orders.n{each}" for each in range(MOST + 1)))
