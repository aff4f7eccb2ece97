"""Sealed calls and events over a real broker, between members of one authority."""

from __future__ import annotations

import asyncio

import pytest

from crossply import CallError, Event, Mesh
from crossply.errors import Code
from tests.support.meshes import Meshes
from tests.support.plain_client import PlainClient
from tests.support.policies import Policies
from tests.support.provider import Provider
from tests.support.vouched import VouchedMeshes, Vouching
from tests.support.waiting import eventually


@pytest.fixture
def vouched(meshes: Meshes) -> VouchedMeshes:
    return VouchedMeshes(meshes)


def serving(mesh: Mesh) -> Mesh:
    """Declare what these tests call."""

    @mesh.endpoint(idempotent=True)
    async def quote(number: int) -> int:
        return number + 1

    @mesh.endpoint
    async def fail(text: str) -> None:
        raise ValueError(text)

    return mesh


async def test_a_call_to_an_instance_and_one_to_the_service_come_back(vouched: VouchedMeshes) -> None:
    orders, web = serving(vouched.new("orders")), vouched.new("web")
    await vouched.start(orders, web)
    assert [await web.call("orders.quote", {"number": each}) for each in range(40)] == list(range(1, 41))
    assert vouched.reasons("orders") == []


async def test_calls_wait_for_somebody_to_seal_to_where_the_keys_of_the_service_are_not_known(meshes: Meshes) -> None:
    vouched = VouchedMeshes(meshes, Vouching(shared=False))
    orders, web = serving(vouched.new("orders")), vouched.new("web")
    await vouched.start(orders, web)
    assert await asyncio.gather(*(web.call("orders.quote", {"number": each}) for each in range(8))) == list(range(1, 9))


async def test_errors_come_back_sealed_too(vouched: VouchedMeshes) -> None:
    orders, web = serving(vouched.new("orders")), vouched.new("web")
    await vouched.start(orders, web)
    for _ in range(2):
        with pytest.raises(CallError) as failed:
            await web.call("orders.fail", {"text": "no"})
        assert (failed.value.code, str(failed.value.executed)) == (Code.INTERNAL, "yes")
    with pytest.raises(CallError) as wrong:
        await web.call("orders.quote", {"number": "three"})
    assert wrong.value.code is Code.INVALID_ARGUMENT
    with pytest.raises(CallError) as absent:
        await web.call("orders.nothing", {})
    assert absent.value.code is Code.NOT_FOUND


async def test_who_has_no_credential_is_refused_and_told_so(vouched: VouchedMeshes, meshes: Meshes) -> None:
    await vouched.start(serving(vouched.new("orders")))
    stranger = await meshes.client("web")
    with pytest.raises(CallError, match="not sealed are not taken") as refused:
        await stranger.call("orders.quote", {"number": 1})
    assert (refused.value.code, str(refused.value.executed)) == (Code.UNAUTHENTICATED, "maybe")
    assert "unsupported" in vouched.reasons("orders")


async def test_a_client_that_knows_nothing_of_the_mesh_is_refused(vouched: VouchedMeshes, plain: PlainClient) -> None:
    await vouched.start(serving(vouched.new("orders")))
    answer = await plain.request("mesh.rpc.orders.any.quote", b'{"number": 1}')
    assert answer.json["code"] == "unauthenticated"
    assert answer.error is not None
    assert answer.error[0] == "401"


async def test_a_service_that_nobody_vouches_for_is_not_called(vouched: VouchedMeshes, meshes: Meshes) -> None:
    vouched.authority.shared = False
    await meshes.start(serving(meshes.new("orders")))
    web = vouched.new("web")
    await vouched.start(web)
    for _ in range(2):  # who that is, the first one hears meanwhile
        with pytest.raises(CallError, match="no authority vouches") as refused:
            await web.call("orders.quote", {"number": 1})
        assert (refused.value.code, str(refused.value.executed)) == (Code.UNAUTHENTICATED, "no")


@pytest.mark.parametrize(("word", "sealed"), [("permissive", True), ("off", False)])
async def test_permissive_and_off_let_strangers_in(
    vouched: VouchedMeshes, meshes: Meshes, policies: Policies, word: str, sealed: bool
) -> None:
    orders, web = serving(vouched.new("orders")), vouched.new("web")
    await vouched.start(orders, web)
    await policies.apply({"kind": "Security", "name": "mesh", "spec": {"encryption": word}})
    await eventually(lambda: web.status()["revision"] == orders.status()["revision"] == 1)
    stranger = await meshes.client("batch")
    assert await stranger.call("orders.quote", {"number": 1}) == 2
    assert [await web.call("orders.quote", {"number": each}) for each in range(8)] == list(range(1, 9))
    assert bool(web_sessions(web)) is sealed


def web_sessions(mesh: Mesh) -> int:
    """Return how many sessions a mesh seals in."""
    return len(mesh.link.sealed.sealing.sealer.sessions)  # type: ignore[attr-defined]  # what no message shows


async def test_events_are_sealed_to_their_channel_and_come_with_who_published(
    vouched: VouchedMeshes, provider: Provider
) -> None:
    orders, web = vouched.new("orders"), vouched.new("web")
    got: list[tuple[str, str]] = []

    @orders.on("shop.*")
    async def heard(text: str, event: Event) -> None:
        got.append((event.source.identity, text))

    await provider.ensure(consumers=(("orders", "shop.*"),))
    await vouched.start(orders, web)
    await web.publish("shop.sold", "one")
    await web.publish("shop.sold", "two")
    await eventually(lambda: len(got) == 2)
    web_is = "spiffe://mesh.local/t/default/svc/web"
    assert sorted(got) == [(web_is, "one"), (web_is, "two")]


async def test_an_event_whose_keys_are_not_here_yet_comes_again(vouched: VouchedMeshes, provider: Provider) -> None:
    group, vouched.authority.channel = vouched.authority.channel, None
    web = vouched.new("web")
    await vouched.start(web)
    with pytest.raises(CallError, match="keys are not known") as refused:
        await web.publish("shop.sold", "one", timeout=1.0)
    assert (refused.value.code, str(refused.value.executed)) == (Code.UNAVAILABLE, "no")
    vouched.authority.channel = group
    await web.publish("shop.sold", "one")
